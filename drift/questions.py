"""The questions of a template's version, held against answers that were given to another."""

from dataclasses import dataclass, field
from typing import Any

from drift.errors import DriftError
from drift.rendering import Answers

Context = dict[str, Any]

# Names of settings in "_drift" up to version 0.2.0 of Slipway, which a template may still have.
FORMER_SETTINGS = {"rewritten": "project_owned", "extended": "shared", "folders": "project_paths"}


@dataclass
class Questions:
    """What became of the questions between two versions."""

    kept: Answers = field(default_factory=dict)
    """The answers that can still be given."""
    new: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    """The former name of each question that has another now."""
    gone: dict[str, Any] = field(default_factory=dict)
    """The answers that are not offered any more."""


def settings(context: Context) -> dict[str, Any]:
    """Return ``_drift`` of a template's cookiecutter.json, with former names of settings replaced by present ones.

    Raises DriftError when a setting has the wrong type: lists of patterns, and objects of names and of paths.
    """
    found = context.get("_drift", {})
    if not isinstance(found, dict):
        raise DriftError('"_drift" in the template\'s cookiecutter.json is not a JSON object. Correct it there.')
    for name, value in found.items():
        kind = dict if name in ("renamed", "moved") else list
        texts = value.values() if isinstance(value, dict) else value
        if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
            what = "an object" if kind is dict else "a list"
            raise DriftError(f'"{name}" in "_drift" of the template\'s cookiecutter.json is not {what} of strings.')
    return {FORMER_SETTINGS.get(name, name): value for name, value in found.items()}


def names(context: Context) -> list[str]:
    """Return the questions that are asked."""
    return [name for name in context if not name.startswith("_")]


def compare(answers: Answers, context: Context) -> Questions:
    """Hold ``answers`` against the questions in ``context``.

    A question that has another name is one that ``renamed`` of ``_drift`` maps from the former to the present name.
    """
    found = Questions()
    asked = names(context)
    renamed = settings(context).get("renamed", {})
    for name, answer in answers.items():
        present = name
        for _ in renamed:
            present = present if present in asked else renamed.get(present, present)
        if present not in asked:
            found.removed.append(name)
        elif problem_of(context, present, answer):
            found.gone[present] = answer
        elif present == name or present not in answers:
            found.kept[present] = answer
        if present != name and present in asked:
            found.renamed[present] = name
    found.new = [name for name in asked if name not in found.kept and name not in found.gone]
    return found


def in_order(answers: Answers, recorded: Answers, renamed: dict[str, str]) -> Answers:
    """Return answers in the order of those that are ``recorded``, and new ones below them."""
    present = {former: name for name, former in renamed.items()}
    names_in_order = [present.get(name, name) for name in recorded]
    return {name: answers[name] for name in names_in_order if name in answers} | answers


def problem_of(context: Context, name: str, answer: Any) -> str | None:
    """Return what would be a right answer to a question, when ``answer`` is none, or None."""
    question = context[name]
    if isinstance(question, bool):
        return None if isinstance(answer, bool) else "true or false"
    if isinstance(question, list) and not any("{{" in str(choice) or "<<" in str(choice) for choice in question):
        given = answer if isinstance(answer, list) else [answer]
        return None if all(one in question for one in given) else f"one of {', '.join(map(str, question))}"
    return None


def parse(assignments: list[str], context: Context) -> Answers:
    """Return the answers in a list of KEY=VALUE; raise DriftError for what the template does not ask or offer."""
    # Imported where they are used, because they take as long as a comparison does.
    from cookiecutter.prompt import YesNoPrompt
    from rich.prompt import InvalidResponse

    answers: Answers = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise DriftError(f"expected KEY=VALUE, such as use_celery=true, got {assignment!r}")
        if name not in names(context):
            raise DriftError(f"The template has no question {name!r}. Its questions are {', '.join(names(context))}.")
        answers[name] = value
        if isinstance(context[name], bool):
            try:
                answers[name] = YesNoPrompt().process_response(value)
            except InvalidResponse:
                raise DriftError(f"{name}: expected true or false, got {value!r}.") from None
        elif problem := problem_of(context, name, value):
            raise DriftError(f"{name}: expected {problem}, got {value!r}.")
    return answers


def ask(context: Context, questions: list[str], defaults: Answers) -> Answers:
    """Ask the user the ``questions``, as cookiecutter would; ``defaults`` are the template's own answers to them."""
    from cookiecutter.prompt import read_user_choice, read_user_variable, read_user_yes_no

    prompts = context.get("__prompts__", {})
    answers: Answers = {}
    for number, name in enumerate(questions, start=1):
        question, prefix = context[name], f"  [dim][{number}/{len(questions)}][/] "
        try:
            if isinstance(question, bool):
                answers[name] = read_user_yes_no(name, defaults[name], prompts, prefix)
            elif isinstance(question, list):
                first = [choice for choice in question if choice != defaults[name]]
                answers[name] = read_user_choice(name, [defaults[name], *first], prompts, prefix)
            elif isinstance(question, str):
                answers[name] = read_user_variable(name, defaults[name], prompts, prefix)
        except EOFError:
            raise DriftError(f"{name}: the input ended without an answer. Add {name}=VALUE to the command.") from None
    return answers
