"""What PyYAML says about broken YAML, in words that tell an analyst what to type instead."""

import re

import yaml

from pipeline.jobs.tree import Place


def explain_fault(error: yaml.MarkedYAMLError) -> tuple[Place, str]:
    """Place and message for a fault that the pure-Python scanner or parser found."""
    context, problem = error.context or "", error.problem or ""
    for pattern, at_context, message in _FAULTS:
        if match := re.search(pattern, f"{context} | {problem}"):
            mark = (at_context and error.context_mark) or error.problem_mark
            return _place(mark), match.expand(message)
    return _place(error.problem_mark or error.context_mark), f"not YAML: {context}: {problem}".replace(": :", ":")


def _place(mark: yaml.Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


_QUOTE_IT = 'put a text that holds brackets, quotes or ": " in quotes'
_COLON = 'unexpected ":"; put a text that holds ": " in quotes, and start all keys of one mapping in the same column'
_BLOCK = (
    "does not fit what stands above; start all keys of one mapping in the same column,"
    " and quote a text whole or not at all"
)
_SECOND = 'a second document starts here; a file holds one, take "---" out'

# pattern over "context | problem"; whether the message belongs to where the construct began; the message
_FAULTS = (
    (r"found character '\\t'", False, "a tab; YAML indents with spaces"),
    (r"found character '(.)' that cannot start", False, r'a text that starts with "\1" needs quotes'),
    (r"mapping values are not allowed", False, _COLON),
    (r"while scanning an (?:alias|anchor)", True, 'a text that starts with "*" or "&" needs quotes'),
    (r"found undefined alias '(.*)'", False, r'"*\1" repeats nothing; mark a value before it with "&\1"'),
    (r"scanning a quoted scalar.*end of stream", True, "this quote is never closed"),
    (r"unknown escape character '(.*)'", False, r'"\\\1" means nothing in double quotes; use single quotes'),
    (r"flow sequence.*<stream end>", True, 'this "[" is never closed'),
    (r"flow mapping.*<stream end>", True, 'this "{" is never closed'),
    (r"flow sequence", False, f'expected "," or "]" here; {_QUOTE_IT}'),
    (r"flow mapping", False, f'expected "," or "}}" here; {_QUOTE_IT}'),
    (r"block (?:mapping|collection)", False, _BLOCK),
    (
        r"sequence entries are not allowed",
        False,
        "a list starts on a line of its own, or is written like [a, b]",
    ),
    (r"another document|expected '<document start>'", False, _SECOND),
    (r"simple key|could not find expected ':'", True, 'a key needs ": " after it'),
)
