"""Finds what a header of the ABI does not say.

Each header opens with a comment that has Threads and Since; each struct and each function slot
has a comment of its own directly above it; a slot that may fail names its errors, or the opening
comment has a paragraph Errors.
Example  for line in doc_lint.problems(path.read_text()): print(line)
"""
import re

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_STRUCT = re.compile(r"typedef struct (\w+) \{(.*?)\n\} \1;", re.S)
_SLOT = re.compile(r"\(\*(\w+)\)\s*\(")
_CODES = re.compile(r"\b(CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|"
                    r"ALREADY_EXISTS|PERMISSION_DENIED|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|"
                    r"ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|"
                    r"UNAUTHENTICATED)\b")


def problems(text):
    """One line for each thing that is not said."""
    opening = _COMMENT.match(text)
    if opening is None:
        return ["does not open with a comment"]
    out = [f"the opening comment does not say {word}" for word in ("Threads", "Since")
           if not _says(opening[0], word)]
    text, comments = _hide_comments(text)
    errors = _says(opening[0], "Errors")
    for struct in _STRUCT.finditer(text):
        if _comment_above(text[:struct.start()], comments) is None:
            out.append(f"struct {struct[1]} has no comment above it")
        out += _slot_problems(struct[1], struct[2], comments, errors)
    return out


def _says(comment, word):
    return re.search(rf"^ \* {word}\b", comment, re.M) is not None


def _hide_comments(text):
    """Replaces comments by marks, because they contain what code is made of; those that follow
    something on its line belong to that and go."""
    comments = []

    def mark(match):
        line = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
        if line.strip():
            return ""
        comments.append(match[0])
        return f"\0{len(comments) - 1}\0"
    return _COMMENT.sub(mark, text), comments


def _comment_above(before, comments):
    found = re.search("\0(\\d+)\0\\s*$", before)
    return None if found is None else comments[int(found[1])]


def _slot_problems(struct, body, comments, header_has_errors):
    out = []
    for declaration in body.split(";"):
        slot = _SLOT.search(declaration)
        if slot is None:
            continue
        code = declaration.rfind("\0") + 1
        comment = _comment_above(declaration[:code], comments)
        if comment is None:
            out.append(f"slot {struct}.{slot[1]} has no comment of its own")
        elif ("shoji_error *" in declaration and not header_has_errors and
              not _CODES.search(comment)):
            out.append(f"slot {struct}.{slot[1]} may fail and names no error")
    return out
