"""The answers that the tests give: every pair of choices, every feature alone on and alone off, and the extremes."""

import itertools
from typing import Any

Answers = dict[str, Any]

# The choices of each question that has some, as cookiecutter.json has them; a test holds the two together.
CHOICES: dict[str, list[Any]] = {
    "python_version": ["3.13", "3.14", "3.12"],
    "deployment": ["systemd-and-docker", "systemd", "docker", "platform"],
    "use_api": [True, False],
    "use_celery": [True, False],
    "use_metrics": [True, False],
    "media_storage": ["local", "s3"],
    "use_sentry": [True, False],
    "use_mfa": [True, False],
    "ci_provider": ["github", "gitlab", "none"],
    "license": ["proprietary", "MIT", "BSD-3-Clause", "Apache-2.0"],
}
# The answer to each question of a feature that brings nothing, and the one that brings it.
FEATURES: dict[str, tuple[Any, Any]] = {
    "deployment": ("platform", "systemd-and-docker"),
    "use_api": (False, True),
    "use_celery": (False, True),
    "use_metrics": (False, True),
    "media_storage": ("local", "s3"),
    "use_sentry": (False, True),
    "use_mfa": (False, True),
    "ci_provider": ("none", "github"),
}

ALL_OFF: Answers = {question: off for question, (off, _) in FEATURES.items()}
ALL_ON: Answers = {question: on for question, (_, on) in FEATURES.items()}
# With a no-break space, a joined emoji and a Persian word that has a non-joiner.
NASTY_NAME = """O'Brien & "Sons" — {{ 7*7 }} $(id) `id` \\ %s _x_\u00a0👩\u200d💻 می\u200cروم *y*"""


def pairs_of(answers: Answers) -> set[tuple[tuple[str, Any], ...]]:
    """Return every pair of answers that ``answers`` gives."""
    return set(itertools.combinations(sorted(answers.items()), 2))


def all_pairs() -> list[Answers]:
    """Return few combinations of CHOICES in which every pair of answers occurs."""
    products = [dict(zip(CHOICES, values, strict=True)) for values in itertools.product(*CHOICES.values())]
    missing = set().union(*map(pairs_of, products))
    chosen = []
    while missing:
        best = max(products, key=lambda answers: len(pairs_of(answers) & missing))
        chosen.append(best)
        missing -= pairs_of(best)
    return chosen


def each_feature() -> list[Answers]:
    """Return nothing, everything, each feature alone, and everything but each feature, without repetitions."""
    combinations = [ALL_OFF, ALL_ON]
    for question in FEATURES:
        for choice in CHOICES[question]:
            combinations += [ALL_OFF | {question: choice}, ALL_ON | {question: choice}]
    return [answers for index, answers in enumerate(combinations) if answers not in combinations[:index]]


def name_of(answers: Answers) -> str:
    """Return ``answers`` as the name of a test."""
    return "-".join(f"{question.removeprefix('use_')}={answer}" for question, answer in answers.items())
