"""Which call answers which expected one, so that as much as possible is right."""

from collections.abc import Sequence
from fractions import Fraction


def best(gains: Sequence[Sequence[Fraction]]) -> list[int]:
    """The assignment of rows to columns with the largest sum.

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant, 1987), in O(n³). The
    sum does not depend on the order of rows and columns, as fractions are added without rounding.

    Args:
        gains: Square: what each row gains with each column.

    Returns:
        The column of each row.
    """
    size = len(gains)
    row_price = [Fraction(0)] * (size + 1)
    column_price = [Fraction(0)] * (size + 1)
    row_of = [size] * (size + 1)  # of each column; `size`: none. The last column stands for none.
    for row in range(size):
        row_of[size] = row
        column = size
        least: list[Fraction | None] = [None] * size
        before = [size] * size
        used = [False] * (size + 1)
        while row_of[column] != size:
            used[column] = True
            here = row_of[column]
            step: Fraction | None = None
            following = size
            for c in range(size):
                if used[c]:
                    continue
                cost = -gains[here][c] - row_price[here] - column_price[c]
                known = least[c]
                if known is None or cost < known:
                    least[c], before[c], known = cost, column, cost
                if step is None or known < step:
                    step, following = known, c
            assert step is not None  # a free column is left, or the row would have none to take
            for c in range(size + 1):
                if used[c]:
                    row_price[row_of[c]] += step
                    column_price[c] -= step
                elif c < size and (left := least[c]) is not None:
                    least[c] = left - step
            column = following
        while column != size:
            row_of[column] = row_of[before[column]]
            column = before[column]
    found = [0] * size
    for column in range(size):
        found[row_of[column]] = column
    return found
