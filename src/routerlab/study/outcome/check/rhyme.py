"""Syllables and rhymes of English, by the CMU Pronouncing Dictionary (as `pronouncing` reads it).

A word that it does not have is taken by its spelling: a syllable a group of vowels, without a silent final e;
a rhyme where the last such group and what follows are written alike.
"""

import re

_SILENT = re.compile(r"(?<=[^aeiouyl])e$|(?<=[aeiouy]l)e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouyscxz])es$")


def words(line: str) -> list[str]:
    """The words of a line, in lower case, apostrophes straight."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", re.sub("[\u2019\u2018]", "'", line.casefold()))


def syllables(line: str) -> set[int]:
    """How many syllables the line can be read with; empty where it has a number, which has no one reading."""
    sums = {0}
    for word in words(line):
        if not word.replace("'", "").isalpha():
            return set()
        sums = {total + count for total in sums for count in _counts(word)}
    return sums


def _counts(word: str) -> set[int]:
    from pronouncing import phones_for_word, syllable_count

    if phones := phones_for_word(word):
        return {syllable_count(each) for each in phones}
    if word.endswith("'s") and (base := phones_for_word(word[:-2])):
        more = word[-3] in "sxz" or word[-4:-2] in ("ch", "sh", "ce", "ge")
        return {syllable_count(each) + more for each in base}
    return {max(1, len(re.findall(r"[aeiouyà-ÿ]+", _SILENT.sub("", word.replace("'", "")))))}


def rhymes(one: str, other: str) -> bool:
    """Whether two lines' last words rhyme; a word does not with itself."""
    first, second = words(one)[-1:], words(other)[-1:]
    if not first or not second or first == second:
        return False
    here, there = _endings(first[0]), _endings(second[0])
    return bool(here & there) if here and there else _spelled(first[0]) == _spelled(second[0])


def _endings(word: str) -> set[str]:
    """The sounds from the last stressed vowel on, for each way to say it; stress marks do not count."""
    from pronouncing import phones_for_word, rhyming_part

    return {re.sub(r"\d", "", rhyming_part(each)) for each in phones_for_word(word)}


def _spelled(word: str) -> str:
    found = re.search(r"[aeiouy]+[^aeiouy]*e?$", word)
    return found[0] if found else word
