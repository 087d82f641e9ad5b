"""Texts that a terminal can show."""

LISTED = 5


def shown(text: str) -> str:
    """Return a text, such as a path, that a terminal can show: one line, without control characters."""
    return "".join(c if c.isprintable() else escaped(c) for c in text)


def escaped(character: str) -> str:
    """Return a character as its escape sequence; a byte that is no UTF-8 has one too."""
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode()


def counted(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def listed(names: list[str]) -> str:
    """Return the first names, such as paths, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(shown(name) for name in names[:LISTED]) + more
