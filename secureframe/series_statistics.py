"""Statistics that columns offer beside counts, sums, means, deviations and quantiles; one line each over releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secureframe import distinct, matrices, releases
from secureframe.operands import Source, refuse_vector
from secureframe.pending import release
from secureframe.plan.expressions import Expr

if TYPE_CHECKING:
    from secureframe.series import SecureSeries


class SeriesStatistics:
    """What a `SecureSeries` offers as one number."""

    __slots__ = ()
    _source: Source
    _expr: Expr
    name: str | None

    def _one_number(self, kind: str, options: dict[str, Any]) -> Any:
        releases.refuse_options(options)
        return release(releases.of_column(self._source, self.name, self._expr, kind))

    def _aligned(self, other: SecureSeries) -> Any:
        raise NotImplementedError

    def sem(self, **options: Any) -> Any:
        """Standard error of the mean, with ``ddof=1``."""
        return self._one_number("sem", options)

    def skew(self, **options: Any) -> Any:
        """Skewness, adjusted for bias as in pandas."""
        return self._one_number("skew", options)

    def kurtosis(self, **options: Any) -> Any:
        """Excess kurtosis, adjusted for bias as in pandas."""
        return self._one_number("kurtosis", options)

    kurt = kurtosis

    def corr(self, other: SecureSeries, method: str = "pearson", **options: Any) -> Any:
        """Pearson's correlation with another column, over rows in which both are present."""
        return self._pair("corr", other, {**options, "method": method})

    def cov(self, other: SecureSeries, **options: Any) -> Any:
        """Covariance with another column, with ``ddof=1``, over rows in which both are present."""
        return self._pair("cov", other, options)

    def _pair(self, kind: str, other: Any, options: dict[str, Any]) -> Any:
        releases.refuse_options(options)
        if not isinstance(other, SeriesStatistics):
            raise refuse_vector(other, f"{matrices.WORDS[kind]} with values")
        source, left, right = self._aligned(other)  # type: ignore[arg-type]  # every one of them is a SecureSeries
        return release(releases.of_pair(source, (self.name, left), (other.name, right), kind))

    def nunique(self, **options: Any) -> Any:
        """How many levels of the public domain occur; missing where a level is withheld."""
        releases.refuse_options(options)
        return release(distinct.of_column(self._source, self.name, self._expr))
