"""How a list is cut into pages."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """Pages of 50, or as many as ``page_size`` asks for up to 100."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100
