import pytest
from django.template import Context, Template

from apps.core.sanitizing import sanitize_html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<p>Two <b>bold</b> words</p>", "<p>Two <b>bold</b> words</p>"),
        ("<script>alert(1)</script>after", "after"),
        ('<p onclick="alert(1)" style="color:red">text</p>', "<p>text</p>"),
        ('<img src=x onerror="alert(1)">', ""),
        ('<iframe src="https://example.com"></iframe>', ""),
        ('<a href="javascript:alert(1)">link</a>', '<a rel="nofollow noopener noreferrer">link</a>'),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
    ],
)
def test_only_the_formatting_of_text_is_left(html: str, clean: str) -> None:
    assert sanitize_html(html) == clean


def test_the_filter_puts_clean_html_into_a_page() -> None:
    page = Template("{% load core %}{{ text|sanitize_html }}").render(Context({"text": "<em>a</em><script>b</script>"}))
    assert page == "<em>a</em>"
