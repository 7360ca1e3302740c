"""Code blocks, files, JSON and tables as models write them."""

import pytest

from routerlab.study.outcome.check import extract

MANY = """First **`src/app.py`**:

**`src/app.py`**
```python
import core
```

### README.md

````markdown
# Hi
```bash
ls
```
````

```json title="conf.json"
{"a": 1}
```
```sql
-- schema.sql
CREATE
```
And test_app.py tests app.py, in test_app.py:

```python
import app
```
Again, mended:
```python
# src/app.py
import core, sys
```
"""


def test_files_are_found_by_fence_line_above_and_first_line() -> None:
    found = {name: extract.file_of(MANY, name) for name in ("README.md", "conf.json", "schema.sql", "no.py")}
    assert found == {
        "README.md": "# Hi\n```bash\nls\n```",
        "conf.json": '{"a": 1}',
        "schema.sql": "CREATE",
        "no.py": None,
    }
    assert extract.file_of(MANY, "test_app.py") == "import app"


def test_a_file_that_comes_again_replaces_itself_for_those_beside_it() -> None:
    assert extract.files_of(MANY)["src/app.py"] == "import core, sys"


@pytest.mark.parametrize("name", ["../../etc/x.py", "/etc/x.py"])
def test_no_file_lies_elsewhere(name: str) -> None:
    assert not extract.files_of(f"{name}\n```python\n1\n```")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("x\n```python\na = 1\n```\n```py\nb = 12\n```", "b = 12"),
        ("```\na\n```\n```json\n{'long': 1}\n```", "a"),
        ("```text\na\n```", "a"),
        ("1. So:\n   ```python\n   if a:\n       b\n   ```", "if a:\n    b"),
        ("```python\ncut off", "cut off"),
        ("a = 1", "a = 1"),
        ("~~~python\n```\n~~~", "```"),
    ],
)
def test_code_is_the_longest_block_of_the_language(answer: str, code: str) -> None:
    assert extract.code_of(answer, "python") == code


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Here: {"a": [1]} as wanted.', {"a": [1]}),
        ('```json\n{"a": 1}\n```\nor\n```json\n{"a": 2}\n```', {"a": 2}),
        ("```\n[1]\n```", [1]),
    ],
)
def test_json_is_found(answer: str, value: object) -> None:
    assert extract.json_of(answer) == value


@pytest.mark.parametrize("answer", ["none", "{} or {}", '{"a": NaN}', "```json\n{'a': 1}\n```", "[" * 20_000])
def test_what_is_no_json_is_told(answer: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        extract.json_of(answer)


def test_tables_lists_and_headings() -> None:
    rows = [["a", "b|c"], ["1", "2"]]
    assert extract.table("T:\n| **a** | b\\|c |\n|---|:-:|\n| 1 | 2 |\n\nend") == rows
    assert extract.table("```csv\na,b|c\n1,2\n```") == rows
    assert extract.items("- a\n2. b\nc\n* d") == ["a", "b", "d"]
    assert extract.headings("# 1. What\ntext\n**When:**\nBring:\n- x") == ["What", "When", "Bring"]
