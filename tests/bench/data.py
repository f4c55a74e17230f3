"""The table that everything here reads: made-up orders of about 1 KB, as pages that a Scan returns and as JSON lines."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A Scan's page ends with the item that reaches this many bytes, in DynamoDB's way of counting.
PAGE_BYTES = 1 << 20

_SEED = 20_260_101
_STATES = ("new", "paid", "packed", "shipped", "returned")
_SYLLABLES = "ba cor den el fi gar hin jo ka lum mer no pra qui ros ta ver zu".split()


@dataclass
class Page:
    """A page of a Scan. Its answer is the file's bytes and a tail, so that a segment's last page can do without its key."""

    path: Path
    crc: int
    last_key: dict


@dataclass
class Table:
    """A table at one point in time."""

    pages: list[Page]
    lines: Path
    items: int
    dynamodb_bytes: int
    json_bytes: int


def make(folder: Path, items: int, changed: frozenset[int] = frozenset()) -> Table:
    """Writes the table's pages and lines. The items named in `changed` differ from those of a table without them."""
    folder.mkdir()
    table = Table([], folder / "table.json", items, 0, 0)
    page, page_bytes, item = [], 0, {}
    with open(table.lines, "w") as lines:
        for item in _items(items, changed):
            text = json.dumps(item, separators=(",", ":"))
            lines.write(f'{{"Item":{text}}}\n')
            page.append(text)
            page_bytes += _size(item)
            if page_bytes >= PAGE_BYTES:
                _close(table, folder, page, page_bytes, item)
                page, page_bytes = [], 0
    if page:
        _close(table, folder, page, page_bytes, item)
    return table


def some(items: int, share: float, round_number: int) -> frozenset[int]:
    """Items at random places."""
    return frozenset(random.Random(_SEED + round_number).sample(range(items), round(items * share)))


def _close(table: Table, folder: Path, page: list[str], page_bytes: int, last: dict) -> None:
    body = f'{{"Count":{len(page)},"ScannedCount":{len(page)},"Items":[{",".join(page)}]'.encode()
    path = folder / f"page-{len(table.pages):06}"
    path.write_bytes(body)
    table.pages.append(Page(path, zlib.crc32(body), {name: last[name] for name in ("customer", "order")}))
    table.dynamodb_bytes += page_bytes
    table.json_bytes += len(body)


def _items(count: int, changed: frozenset[int]) -> Iterator[dict]:
    vocabulary = _vocabulary()
    # As in natural text, few words are frequent and most are rare.
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    totals = [sum(weights[:1])]
    for weight in weights[1:]:
        totals.append(totals[-1] + weight)
    for number in range(count):
        yield _item(number, number in changed, vocabulary, totals)


def _vocabulary() -> list[str]:
    chance = random.Random(_SEED)
    return ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(4_000)]


def _item(number: int, is_changed: bool, words: list[str], totals: list[float]) -> dict:
    chance = random.Random(_SEED * 1_000_003 + number)
    # A Scan comes in the order of the keys' hashes: neighbours have nothing to do with each other.
    customer = hashlib.md5(f"customer {number}".encode()).hexdigest()
    first, last = chance.choices(words, k=2)
    month, date, hour, minute = (chance.randint(*bounds) for bounds in ((1, 12), (1, 28), (0, 23), (0, 59)))
    day = f"2026-{month:02}-{date:02}T{hour:02}:{minute:02}:00Z"
    articles = [
        {
            "M": {
                "sku": {"S": f"SKU-{chance.randint(0, 99_999_999):08}"},
                "quantity": {"N": str(chance.randint(1, 9))},
                "price": {"N": f"{chance.randint(100, 99_999) / 100:.2f}"},
            }
        }
        for _ in range(3)
    ]
    item = {
        "customer": {"S": customer},
        "order": {"S": f"ORDER#{day}#{number:09}"},
        "name": {"S": f"{first.title()} {last.title()}"},
        "email": {"S": f"{first}.{last}@example.org"},
        "created_at": {"S": day},
        "updated_at": {"N": str(1_767_225_600 + chance.randint(0, 30_000_000))},
        "state": {"S": chance.choice(_STATES)},
        "total": {"N": f"{chance.randint(100, 999_999) / 100:.2f}"},
        "is_gift": {"BOOL": chance.random() < 0.1},
        "coupon": {"NULL": True},
        "articles": {"L": articles},
        "tags": {"SS": sorted(set(chance.choices(words, k=4)))},
        "token": {"S": f"{chance.getrandbits(256):064x}"},
        "note": {"S": " ".join(chance.choices(words, cum_weights=totals, k=80))},
    }
    if is_changed:
        item["state"] = {"S": "cancelled"}
        item["updated_at"] = {"N": str(1_798_000_000 + chance.randint(0, 999_999))}
        item["total"] = {"N": f"{chance.randint(100, 999_999) / 100:.2f}"}
    return item


def _size(item: dict) -> int:
    """An item's bytes as DynamoDB counts them: names and values, without JSON's syntax."""
    return sum(len(name) + _size_of(value) for name, value in item.items())


def _size_of(value: dict) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return (len(content.strip("0").replace(".", "")) + 1) // 2 + 1
    if kind == "SS":
        return sum(len(one.encode()) for one in content)
    if kind == "L":
        return 3 + sum(1 + _size_of(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name) + _size_of(one) for name, one in content.items())
    return 1
