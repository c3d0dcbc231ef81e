"""Statistics and tables that frames offer beside counts, sums, means, deviations and quantiles; one line each over releases."""

from __future__ import annotations

from typing import Any

from secureframe import distinct, matrices, releases
from secureframe.operands import Source
from secureframe.pending import release
from secureframe.pivoting import pivot_table
from secureframe.resampling import Resampler, resampled

KEEP_LEVELS = ("observed", "dropna")
"""Options of pandas that leave levels out; only False is offered, since every declared level is returned."""


class FrameStatistics:
    """What a `SecureFrame` offers over all of its columns of numbers, and tables by public keys."""

    __slots__ = ()
    _source: Source

    def _of_numbers(self, kind: str, options: dict[str, Any]) -> Any:
        releases.refuse_options(options)
        return release(releases.of_columns(self._source, releases.suitable(kind, self._source.node.schema), kind))

    def sem(self, **options: Any) -> Any:
        """Standard errors of the means of the columns of numbers, with ``ddof=1``."""
        return self._of_numbers("sem", options)

    def skew(self, **options: Any) -> Any:
        """Skewness of the columns of numbers, adjusted for bias as in pandas."""
        return self._of_numbers("skew", options)

    def kurtosis(self, **options: Any) -> Any:
        """Excess kurtosis of the columns of numbers, adjusted for bias as in pandas."""
        return self._of_numbers("kurtosis", options)

    kurt = kurtosis

    def corr(self, method: str = "pearson", **options: Any) -> Any:
        """Pearson's correlations of the columns of numbers, each pair over rows in which both are present."""
        releases.refuse_options({**options, "method": method})
        return release(matrices.matrix_of(self._source, releases.suitable("corr", self._source.node.schema), "corr"))

    def cov(self, **options: Any) -> Any:
        """Covariances of the columns of numbers with ``ddof=1``, each pair over rows in which both are present."""
        releases.refuse_options(options)
        return release(matrices.matrix_of(self._source, releases.suitable("cov", self._source.node.schema), "cov"))

    def nunique(self, **options: Any) -> Any:
        """How many levels occur of every column with a public domain; missing where a level is withheld."""
        releases.refuse_options(options)
        key = self._source.node.person_key
        names = distinct.countable(self._source.node.schema, [key] if key else [])
        return release(distinct.of_columns(self._source, names))

    def pivot_table(
        self,
        values: Any = None,
        index: Any = None,
        columns: Any = None,
        aggfunc: Any = "mean",
        margins: bool = False,
        margins_name: str = "All",
        **options: Any,
    ) -> Any:
        """Statistics for every combination of levels of public keys, some downwards and some to the right.

        Parameters
        ----------
        values : str or list of str, optional
            What is summarised; by default all columns that suit.
        index, columns : str, SecureSeries or list of them
            Keys with a public domain.
        aggfunc : str, list of str, or mapping of column to str
            As in ``groupby(...).agg``.
        margins : bool
            Totals of counts and sums, from released cells alone; missing where a cell of theirs is withheld.

        Returns
        -------
        pandas.DataFrame
            Every declared level in its order, withheld cells missing.

        Examples
        --------
        >>> cohort.pivot_table(values="sbp", index="stage", columns="male", aggfunc="mean")
        """
        releases.refuse_options({name: value for name, value in options.items() if not (name in KEEP_LEVELS and value is False)})
        asked = pivot_table(
            self._source,
            values=values,
            index=index,
            columns=columns,
            aggfunc=aggfunc,
            margins=margins,
            margins_name=margins_name,
        )
        return release(asked)

    def resample(self, rule: str, on: str | None = None, **options: Any) -> Resampler:
        """Group rows by calendar period of a column of dates; every period of its public range is returned.

        Parameters
        ----------
        rule : str
            ``D``, ``W``, ``ME``, ``MS``, ``QE``, ``QS``, ``YE`` or ``YS``, as in pandas.
        on : str
            The column.

        Examples
        --------
        >>> patients.resample("YE", on="entered")["age"].agg(["count", "mean"])
        """
        releases.refuse_options(options)
        return resampled(self._source, rule, on)
