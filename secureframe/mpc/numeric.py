"""Integer arithmetic composed of primitives: selection, comparison, exact division and root.

Everything here is exact; there is no rounding but the floor that a function names. These functions only emit
instructions, so what they leak, and their proofs, are those of the protocols that they name.
"""

from __future__ import annotations

from collections.abc import Sequence

from secureframe.mpc.program import Builder, ProgramError, Value, limbs_for


def select(b: Builder, condition: Value, x: Value, y: Value) -> Value:
    """``x`` where the condition (one plane) is 1, else ``y``; arith, bits or words.

    Leakage
        None.
    Rounds and bytes
        arith: 3 rounds (``to_arith``, ``multiply``); bits and words: 1 round.
    """
    if condition.kind != "bits" or condition.rows != 1 or condition.n != x.n:
        raise ProgramError("a condition of one plane, as long as the values, expected")
    match x.kind:
        case "arith":
            return b.add(y, b.multiply(b.subtract(x, y), b.to_arith(condition, x.limbs)))
        case "bits":
            return b.xor(y, b.and_(b.xor(x, y), condition))
        case "words":
            return b.xor(y, b.mask_words(b.xor(x, y), condition))
        case _:
            raise ProgramError(f"nothing to select among values of kind {x.kind}")


def less_than(b: Builder, x: Value, y: Value, width: int) -> Value:
    """One plane: ``x < y`` for two's complement integers of ``width`` bits. 2 + ceil(log2 width) rounds."""
    return b.is_negative(b.subtract(x, y), width + 1)


def equal(b: Builder, x: Value, y: Value, width: int) -> Value:
    """One plane: ``x == y`` for integers of ``width`` bits. 1 + ceil(log2 width) rounds."""
    return b.is_zero(b.subtract(x, y), width)


def from_planes(b: Builder, planes: Value, limbs: int = 1, *, signed: bool = False) -> Value:
    """Integers ``(1, n)`` from their bit planes, the top plane counting negative if ``signed``. 2 rounds."""
    weights = [1 << bit for bit in range(planes.rows)]
    if signed:
        weights[-1] = -weights[-1]
    return b.combine(b.to_arith(planes, limbs), weights)


def levels_of_code(b: Builder, planes: Value, levels: int) -> Value:
    """One plane for each of the codes ``0 .. levels - 1`` that some bit planes (lowest first) may spell: where they do.

    Leakage
        None.
    Rounds and bytes
        ceil(log2 planes) rounds; about ``levels`` bits an element.
    """
    if not 1 <= levels <= 1 << planes.rows:
        raise ProgramError("the planes do not spell so many codes")
    if planes.rows == 1:
        both = b.rows([b.invert(planes), planes])
        return both if levels == 2 else b.pick_rows(both, [0])
    low = planes.rows // 2
    lower = levels_of_code(b, b.pick_rows(planes, range(low)), 1 << low)
    upper = levels_of_code(b, b.pick_rows(planes, range(low, planes.rows)), -(-levels >> low))
    found = b.outer(upper, lower)
    return found if found.rows == levels else b.pick_rows(found, range(levels))


def lift(b: Builder, x: Value, width: int, limbs: int) -> Value:
    """The same two's complement integer of ``width`` bits in a ring of more limbs, exactly.

    Leakage
        None.
    Rounds and bytes
        As ``to_bits`` and ``to_arith``: 4 + ceil(log2(width - 1)) rounds; ``width`` ring elements an element.
    """
    if limbs < x.limbs:
        raise ProgramError("lift never drops limbs; narrow does")
    if limbs == x.limbs:
        return x
    return b.reshape(from_planes(b, b.to_bits(x, width), limbs, signed=True), x.rows)


def floor_divide_public(b: Builder, x: Value, divisor: int, width: int) -> Value:
    """``floor(x / divisor)`` of integers ``0 <= x < 2**width`` by a public positive integer, exactly.

    ``floor(x m / 2**s)`` with ``s = width + ceil(log2 divisor)`` and ``m = ceil(2**s / divisor)`` is exact for all such x.

    Leakage
        None.
    Rounds and bytes
        As ``to_bits`` of the product and ``to_arith`` of the quotient; where the product of about ``2 width`` bits does not fit
        the ring, twice of shorter ones, or ``lift`` before it.
    Source
        Granlund and Montgomery (PLDI 1994), theorem 4.2.
    """
    if divisor < 1 or width < 1:
        raise ProgramError("a positive divisor and width expected")
    if divisor == 1:
        return x
    shift, magic, product = _reciprocal(divisor, width)
    if product <= shift:
        return b.zeros("arith", x.rows, x.n, x.limbs)
    if limbs_for(product) > x.limbs and (found := _divided_twice(b, x, divisor, width)) is not None:
        return found
    wide = lift(b, x, width + 1, limbs_for(product)) if limbs_for(product) > x.limbs else x
    planes = b.to_bits(b.multiply_public(wide, [magic]) if magic > 1 else wide, product)
    quotient = from_planes(b, b.pick_rows(planes, range(shift, product)), x.limbs)
    return b.reshape(quotient, x.rows)


def _reciprocal(divisor: int, width: int) -> tuple[int, int, int]:
    """A shift, the multiplier that stands for the divisor, and the width of the product of both."""
    if divisor & (divisor - 1) == 0:
        return divisor.bit_length() - 1, 1, width
    shift = width + (divisor - 1).bit_length()
    magic = -(-(1 << shift) // divisor)
    return shift, magic, (((1 << width) - 1) * magic).bit_length()


def _divided_twice(b: Builder, x: Value, divisor: int, width: int) -> Value | None:
    """The quotient in two steps inside the ring of ``x``; None where what the first leaves over is too wide for it, too.

    With ``m = floor(2**s / divisor)`` and ``s`` as large as the ring allows, ``floor(x m / 2**s)`` is at most the quotient, and
    less than ``2**(width - s) + 1`` below it; so what is left over has few bits more than the divisor.
    """
    shift = 64 * x.limbs - width + divisor.bit_length() - 1
    magic = (1 << shift) // divisor
    product = (((1 << width) - 1) * magic).bit_length()
    left_over = (divisor * ((1 << max(0, width - shift)) + 1) - 1).bit_length()
    if product <= shift or limbs_for(_reciprocal(divisor, left_over)[2]) > x.limbs:
        return None
    planes = b.to_bits(b.multiply_public(x, [magic]), product)
    first = b.reshape(from_planes(b, b.pick_rows(planes, range(shift, product)), x.limbs), x.rows)
    rest = b.subtract(x, b.multiply_public(first, [divisor]))
    return b.add(first, floor_divide_public(b, rest, divisor, left_over))


def round_to_base(b: Builder, x: Value, base: int, width: int) -> Value:
    """The multiple of ``base`` nearest to ``0 <= x < 2**width``: ``base * floor((x + base // 2) / base)``, exactly."""
    if base == 1:
        return x
    half = base // 2
    wider = ((1 << width) - 1 + half).bit_length()
    return b.multiply_public(floor_divide_public(b, b.add_public(x, [half]), base, wider), [base])


def argmin(b: Builder, x: Value, width: int) -> Value:
    """One-hot bits ``(rows, n)``: where each row's least element stands, the first of equal ones; for the few values of cells.

    A tournament: neighbours are compared, winners go on, and an element is the least if it won wherever it played.

    Leakage
        None.
    Rounds and bytes
        ceil(log2 n) * (5 + ceil(log2 width)) rounds, for up to 256 columns; n - 1 comparisons and selections a row.
    """
    rows, n = x.rows, x.n
    if n == 1:
        return b.ones_bits(rows, 1)
    current = x
    groups: list[list[int]] = [[column] for column in range(n)]
    won: list[Value] = []
    while len(groups) > 1:
        pairs = len(groups) // 2
        left = b.take(current, _columns(rows, len(groups), range(0, 2 * pairs, 2)), rows=rows)
        right = b.take(current, _columns(rows, len(groups), range(1, 2 * pairs, 2)), rows=rows)
        difference = b.subtract(right, left)
        second = b.is_negative(difference, width + 1)
        won.append(_won(b, second, groups, rows, n))
        factor = b.reshape(b.to_arith(second, x.limbs), rows)
        winners = b.add(left, b.multiply(factor, difference))
        merged = [groups[2 * pair] + groups[2 * pair + 1] for pair in range(pairs)]
        if len(groups) % 2:
            last = b.take(current, _columns(rows, len(groups), [len(groups) - 1]), rows=rows)
            stacked = b.concat([b.reshape(winners, 1), b.reshape(last, 1)])
            index = [i for row in range(rows) for i in (*range(row * pairs, (row + 1) * pairs), rows * pairs + row)]
            winners = b.take(stacked, index, rows=rows)
            merged.append(groups[-1])
        current, groups = winners, merged
    return b.reshape(b.all_planes(b.rows(won)), rows)


def _columns(rows: int, n: int, columns: Sequence[int]) -> list[int]:
    return [row * n + column for row in range(rows) for column in columns]


def _won(b: Builder, second: Value, groups: list[list[int]], rows: int, n: int) -> Value:
    """One plane over all elements: did the element's group win its pairing (1 where it was not paired)?"""
    pairs = len(groups) // 2
    place, flip = [0] * n, [False] * n
    for number, group in enumerate(groups):
        for column in group:
            place[column] = number // 2 if number < 2 * pairs else -1
            flip[column] = number < 2 * pairs and number % 2 == 0
    last = rows * pairs
    padded = b.concat([second, b.ones_bits(1, 1)])
    index = [last if place[column] < 0 else row * pairs + place[column] for row in range(rows) for column in range(n)]
    return b.xor(b.take_bits(padded, index), b.constant_bits([flip * rows]))


def divide(b: Builder, x: Value, y: Value, x_width: int, y_width: int, quotient_width: int | None = None) -> Value:
    """``floor(x / y)`` for ``0 <= x < 2**x_width`` and ``1 <= y < 2**y_width``, exactly; for the few values of cells.

    Restoring division, one quotient bit a step. Where y is zero, the quotient is any number of its width.

    Parameters
    ----------
    b
        The builder.
    x, y
        arith of one shape.
    x_width, y_width
        Public bounds, without a sign bit.
    quotient_width
        A public bound of the quotient, ``floor(x / y) < 2**quotient_width``: as many steps are taken (default ``x_width``).

    Leakage
        None.
    Rounds and bytes
        3 + ceil(log2(x_width - 1)) rounds, then 5 + ceil(log2(y_width + 1)) a bit of the quotient.
    Source
        Restoring division; the steps are ``is_negative``, ``to_arith`` and ``multiply``.
    """
    steps = min(x_width, quotient_width if quotient_width is not None else x_width)
    if x.limbs != y.limbs or y_width + 2 > 64 * x.limbs:
        raise ProgramError("the divisor needs two bits more than its width in a ring of the dividend's limbs")
    dividend, divisor = b.reshape(x, 1), b.reshape(y, 1)
    digits = b.to_arith(b.to_bits(dividend, x_width), x.limbs)
    if steps < x_width:
        remainder = b.combine(b.pick_rows(digits, range(steps, x_width)), [1 << bit for bit in range(x_width - steps)])
    else:
        remainder = b.zeros("arith", 1, dividend.n, x.limbs)
    quotient: list[Value] = []
    for bit in reversed(range(steps)):
        remainder = b.add(b.multiply_public(remainder, [2]), b.pick_rows(digits, [bit]))
        digit = _at_least(b, remainder, divisor, y_width + 2)
        quotient.append(digit)
        if bit:
            remainder = b.subtract(remainder, b.multiply(digit, divisor))
    return b.reshape(b.combine(b.rows(quotient), [1 << bit for bit in reversed(range(steps))]), x.rows)


def _at_least(b: Builder, x: Value, y: Value, width: int) -> Value:
    """1 where ``x >= y`` (difference within ``width`` bits), else 0, as ring elements."""
    return b.to_arith(b.invert(b.is_negative(b.subtract(x, y), width)), x.limbs)


def square_root(b: Builder, x: Value, width: int) -> Value:
    """``floor(sqrt(x))`` for ``0 <= x < 2**width``, exactly; for the few values of cells.

    Leakage
        None.
    Rounds and bytes
        3 + ceil(log2(width - 1)) rounds, then 5 + ceil(log2(width / 2 + 3)) a bit of the root (half as many as ``width``).
    Source
        The digit-by-digit method in base two; the steps are those of ``divide``.
    """
    digits_of_root = (width + 1) // 2
    if digits_of_root + 4 > 64 * x.limbs or width > 64 * x.limbs:
        raise ProgramError("the radicand does not fit the ring")
    digits = b.to_arith(b.to_bits(b.reshape(x, 1), width), x.limbs)
    remainder = root = b.zeros("arith", 1, digits.n, x.limbs)
    for place in reversed(range(digits_of_root)):
        weights = {2 * place: 1} | ({2 * place + 1: 2} if 2 * place + 1 < width else {})
        following = b.combine(b.pick_rows(digits, list(weights)), list(weights.values()))
        remainder = b.add(b.multiply_public(remainder, [4]), following)
        trial = b.add_public(b.multiply_public(root, [4]), [1])
        digit = _at_least(b, remainder, trial, digits_of_root + 4)
        root = b.add(b.multiply_public(root, [2]), digit)
        if place:
            remainder = b.subtract(remainder, b.multiply(digit, trial))
    return b.reshape(root, x.rows)
