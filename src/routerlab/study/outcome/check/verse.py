"""Syllables and rhymes of English, by the CMU Pronouncing Dictionary (as `pronouncing` reads it).

A word that it does not have is taken by its spelling: a syllable a group of vowels, without a silent final e; a rhyme
where the last such group and what follows are written alike.
"""

import re

import pronouncing

_SILENT = re.compile(r"(?<=[^aeiouyl])e$|(?<=[aeiouy]l)e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouyscxz])es$")


def words(line: str) -> list[str]:
    """The words of a line, in lower case, apostrophes straight."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", re.sub("[’‘]", "'", line.casefold()))


def syllables(line: str) -> set[int]:
    """How many syllables the line can be read with; empty where it has a number, which has no one reading."""
    sums = {0}
    for word in words(line):
        if not word.replace("'", "").isalpha():
            return set()
        sums = {total + count for total in sums for count in _counts(word)}
    return sums


def _counts(word: str) -> set[int]:
    if phones := pronouncing.phones_for_word(word):
        return {pronouncing.syllable_count(each) for each in phones}
    if word.endswith("'s") and (base := pronouncing.phones_for_word(word[:-2])):
        more = word[-3] in "sxz" or word[-4:-2] in ("ch", "sh", "ce", "ge")
        return {pronouncing.syllable_count(each) + more for each in base}
    return {max(1, len(re.findall(r"[aeiouyà-ÿ]+", _SILENT.sub("", word.replace("'", "")))))}


def rhymes(one: str, other: str) -> bool:
    """Whether two lines' last words rhyme; a word does not with itself."""
    first, second = (words(line)[-1:] for line in (one, other))
    if not first or not second or first == second:
        return False
    return bool(_endings(first[0]) & _endings(second[0])) or (
        not (pronouncing.phones_for_word(first[0]) and pronouncing.phones_for_word(second[0]))
        and _spelled(first[0]) == _spelled(second[0])
    )


def _endings(word: str) -> set[str]:
    """The sounds from the last stressed vowel on, for each way to say it; stress marks do not count."""
    return {re.sub(r"\d", "", pronouncing.rhyming_part(each)) for each in pronouncing.phones_for_word(word)}


def _spelled(word: str) -> str:
    found = re.search(r"[aeiouy]+[^aeiouy]*e?$", word)
    return found[0] if found else word
