#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Doxygen reads in place of a header: filter.py HEADER; or, of the sentences of words.txt, those
that serve no header of a folder: filter.py --unused FOLDER.

Headers are written for those who read them as they are. Three things are made of them for pages:
the purpose at the top becomes the documentation of the file; tables and code in comments keep their
lines; and a member whose meaning is the same wherever it stands, because a concept asks for it or
because the library has one word for it, gets its sentence from words.txt. Every line keeps its
number, so that a warning names the place.
"""
import pathlib
import re
import sys
import textwrap

SCOPES = re.compile(r"(?:inline\s+)?(namespace|struct|class|union|enum)\b")


def words_of(path):
    """The sentences of words.txt: (name of the class or "", name of the member): sentence."""
    sentences = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            names, sentence = line.split(":  ", 1)
            for name in names.split(", "):
                owner, _, member = name.rpartition("::")
                sentences[owner, member] = sentence.strip()
    return sentences


def without_template(text):
    """A declaration without `template <...>` and attributes before it."""
    text = text.strip()
    while True:
        if text.startswith("template"):
            depth = 0
            for at, letter in enumerate(text):
                depth += (letter == "<") - (letter == ">" and text[at - 1] != "-")
                if letter == ">" and depth == 0:
                    text = text[at + 1 :].strip()
                    break
            else:
                return text
        elif text.startswith("[["):
            text = text[text.index("]]") + 2 :].strip()
        elif text.startswith("requires"):
            text = re.sub(r"^requires\s*(\(.*?\)|[^()\s]+<[^<>]*(<[^<>]*>)?[^<>]*>)\s*((&&|\|\|)\s*"
                          r"(\(.*?\)|[^()\s]+<[^<>]*(<[^<>]*>)?[^<>]*>)\s*)*", "", text)
            if text.startswith("requires"):
                return text
        else:
            return text


def without_arguments(text):
    """A declaration without <...> of types; operators keep their letters."""
    text = re.sub(r"->|<=>|<<|>>=|<=|>=", "", text)
    while True:
        shorter = re.sub(r"(?<!operator)<[^<>]*>", "", text)
        if shorter == text:
            return text
        text = shorter


def name_of(text):
    """What a declaration in a class declares; "" where that cannot be told."""
    text = without_arguments(without_template(text))
    found = re.match(r"using\s+(\w+)\b", text)
    if found:
        return found[1]
    found = re.search(r"operator\s*(\(\)|\[\]|[^\s\w(]+)\s*\(", text)
    if found:
        return "operator" + found[1]
    found = re.search(r"(\w+)\s*\(", re.sub(r"decltype\(auto\)|noexcept\(.*?\)|explicit\(.*?\)", "", text))
    before = re.split(r"[={]", text)[0]
    if found and "(" in before:
        return found[1]
    found = re.search(r"(\w+)\s*(?:\[.*\])?\s*[;={,]", text)
    return found[1] if found else ""


def bare(line):
    """A line without comments, texts and letters, whose braces mean nothing."""
    line = re.sub(r"'(\\.|[^'\\])'" + r'|"(\\.|[^"\\])*"', '""', line)
    return re.sub(r"//.*|/\*.*?\*/", "", line)


def prose(text):
    """Text between the words of Markdown, in which < and # mean themselves."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([<>#@%])", r"\\\1", p) for p in parts)


def pages_of(comments):
    """Lines of one comment, in which indented ones become a block that keeps its form. The blank
    lines around a block become its fences, so that lines keep their numbers where there are any."""
    out, at = [], 0
    while at < len(comments):
        if not comments[at].startswith("  "):
            out.append(prose(comments[at]))
            at += 1
            continue
        end = at
        while end < len(comments) and (comments[end].startswith("  ") or (
                not comments[end].strip() and comments[end + 1 : end + 2] != []
                and comments[end + 1].startswith("  "))):
            end += 1
        block = textwrap.dedent("\n".join(comments[at:end])).split("\n")
        is_code = any(line.endswith((";", "{")) for line in block)
        fence = "~~~{.cpp}" if is_code else "~~~{.txt}"
        if out and not out[-1]:
            out[-1] = fence
        else:
            out.append(fence)
        out += block + ["~~~"]
        at = end + (end < len(comments) and not comments[end].strip())
    return out


def declarators(text):
    """`T a, b = 1;` as its declarations, one for each name; [text] where it is another thing."""
    found = re.fullmatch(r"((?:static |constexpr |const )*[\w:]+(?:<.*>)?(?:::\w+)?[*&]?) (\*?\w+.*);", text)
    if not found or re.match(r"(using|friend|return|typedef|typename B::template|explicit)\b", text):
        return [text]
    parts, depth, last = [], 0, 0
    for at, letter in enumerate(found[2]):
        depth += (letter in "({[<") - (letter in ")}]>")
        if letter == "," and depth == 0:
            parts.append(found[2][last:at].strip())
            last = at + 1
    parts.append(found[2][last:].strip())
    if "(" in parts[0] or any(not re.match(r"\*?\w+( ?[={\[]|$)", part) for part in parts):
        return [text]
    return [found[1] + " " + part + ";" for part in parts]


class declaration:
    """The lines from `start` to `end` of a header, of which `comment` is what stands above."""

    def __init__(self, lines, start, end, comment):
        first = without_comment(lines[start : end + 1])
        self.text = " ".join(first)
        self.start, self.end, self.comment = start, end, comment
        behind = [line.partition("///<")[2].strip() for line in lines[start : end + 1]]
        self.behind = " ".join(text for text in behind if text)


def without_comment(lines):
    return [re.sub(r"\s*//.*", "", line).strip() for line in lines]


def members_of(lines, top):
    """Every declaration that stands in a class, with the name of the class."""
    scopes, around, hidden, start, comment, pending = [], [], False, None, [], ""
    for at in range(top, len(lines)):
        line = lines[at].strip()
        if not line or line.startswith(("//", "#")):
            if start is None:
                is_comment = line.startswith("///") and not line.startswith("///<")
                comment = comment + [line[3:].strip()] if is_comment else []
            elif line.startswith("///<"):
                pass
            continue
        if start is None:
            start, pending = at, ""
        code = bare(lines[at])
        pending += " " + code.strip()
        ends = re.sub(r"\{\}(?=\s*[,)])", "", code)  # `{}` of an argument ends nothing
        if pending.count("(") != pending.count(")") or not (
                re.search(r"[{}]", ends) or ends.rstrip().endswith((";", ":"))):
            continue
        end = at
        while end + 1 < len(lines) and lines[end + 1].strip().startswith("///<"):
            end += 1
        access = re.fullmatch(r"\s*(public|protected|private):\s*", pending)
        if access:
            hidden = access[1] == "private"
        elif not hidden and scopes and scopes[-1][0] in ("struct", "class", "union"):
            yield scopes[-1][1], declaration(lines, start, end, " ".join(comment).strip())
        without = without_template(pending)
        opened = SCOPES.match(without)
        name = re.search(r"(?:struct|class|union)\s+(?:\[\[.*?\]\]\s*)?(\w+)", without)
        for letter in pending:
            if letter == "{":
                scopes.append((opened[1], name[1] if name else "") if opened else ("", ""))
                around.append(hidden)
                hidden = bool(opened and opened[1] == "class")
                opened = None
            elif letter == "}" and scopes:
                scopes.pop()
                hidden = around.pop()
        start, comment = None, []


def filtered(lines, sentences, used):
    top = 1
    while top < len(lines) and lines[top].startswith("//") and not lines[top].startswith("///"):
        top += 1
    out = list(lines)

    # Members first, while lines have their numbers.
    before = ("", "", -2)
    for owner, member in members_of(lines, top):
        indent = " " * (len(lines[member.start]) - len(lines[member.start].lstrip()))
        parts = declarators(member.text)
        name = name_of(member.text)
        own = member.comment or member.behind
        if not own:
            for key in ((owner, name_of(parts[0])), ("", name_of(parts[0]))):
                if key in sentences:
                    used.add(key)
                    own = sentences[key]
                    break
        if not own and before[0] == name and before[2] == owner:
            own = before[1]  # an overload of the one above
        before = (name, own, owner)
        if len(parts) > 1:
            texts = []
            for part in parts:
                said = own
                for key in ((owner, name_of(part)), ("", name_of(part))):
                    if key in sentences and not member.comment and not member.behind:
                        used.add(key)
                        said = sentences[key]
                        break
                texts.append(("/** " + prose(said) + " */ " if said else "") + part)
            for at in range(member.start, member.end + 1):
                out[at] = ""
            out[member.start] = indent + " ".join(texts)
            for at in range(member.start - 1, 0, -1):  # the comment has been handed out
                if not lines[at].strip().startswith("///"):
                    break
                out[at] = ""
        elif own and not member.comment and not member.behind:
            out[member.start] = indent + "/** " + prose(own) + " */ " + lines[member.start].strip()

    # Then comments.
    written, at = [], top
    if lines and lines[0].startswith("// SPDX"):
        purpose = pages_of([line[3:] for line in lines[1:top]])
        if top < len(lines) and lines[top].startswith("#pragma") and len(purpose) > top - 1:
            at = top + 1  # room for the fence of a block that ends the purpose
        written = ["/// @file"] + ["/// " + text for text in purpose]
    else:
        written = lines[:top]
    while at < len(out):
        end = at
        while end < len(out) and re.match(r"\s*///(?!<)", out[end]):
            end += 1
        if end > at:
            texts = [re.sub(r"^\s*/// ?", "", line) for line in out[at:end]]
            written += ["/// " + text for text in pages_of(texts)]
            at = end
        else:
            code, mark, text = out[at].partition("///<")
            written.append(code + mark + prose(text) if mark else out[at])
            at += 1
    return written


def main():
    sentences = words_of(pathlib.Path(__file__).with_name("words.txt"))
    used = set()
    if sys.argv[1] == "--unused":
        for header in pathlib.Path(sys.argv[2]).rglob("*.[hc][pu][ph]"):  # .hpp and .cuh
            filtered(header.read_text().splitlines(), sentences, used)
        unused = ["::".join(filter(None, key)) for key in sentences if key not in used]
        if unused:
            sys.exit("words.txt has sentences for members that no header has, or that have a "
                     "comment: " + ", ".join(unused))
        return
    lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
    sys.stdout.write("\n".join(filtered(lines, sentences, used)) + "\n")


if __name__ == "__main__":
    main()
