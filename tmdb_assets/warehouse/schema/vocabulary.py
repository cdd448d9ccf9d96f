"""The vocabulary in which a table is declared once for all its uses.

`column()` gives a column its type, comment and rules; `table()` gives a table its grain, group and merge. The DDL, the
structural gate, the pandera contract, the merge statement and the descriptions in the Dagster UI are derived from them.
A rule becomes both an SQL CHECK and a check on frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from tmdb_assets.errors.problem import TakenNameError
from tmdb_assets.transforms.conform import Kind

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(column_0_label)s",
    }
)

RuleName: TypeAlias = Literal["at_least", "at_most", "max_length", "matches", "one_of", "on_day"]

# The SQL type of each kind; the pandas dtypes are next to the casts in `transforms.conform`.
SQL_TYPES: dict[Kind, Callable[[], sa.types.TypeEngine[Any]]] = {
    "integer": sa.BigInteger,
    "number": sa.Double,
    "text": sa.Text,
    "date": sa.Date,
    "boolean": sa.Boolean,
    "timestamp": sa.DateTime,
    "json": JSONB,
    "integers": partial(sa.ARRAY, sa.BigInteger),
    "texts": partial(sa.ARRAY, sa.Text),
    "dates": partial(sa.ARRAY, sa.Date),
}
# The largest value of narrow integers: the contract rejects a larger one, for which Postgres would fail the whole load.
LARGEST: dict[type[sa.types.TypeEngine[Any]], int] = {sa.SmallInteger: 2**15 - 1, sa.Integer: 2**31 - 1}
READERS_PREFIXES = ("dim_", "bridge_")


@dataclass(frozen=True)
class Rule:
    """A rule on one column's values; NULL always passes (whether NULL is allowed is the column's own property)."""

    name: RuleName
    argument: Any

    @property
    def text(self) -> str:
        """The rule in words, for check reports."""
        return f"{self.name.replace('_', ' ')} {self.argument}"

    def sql(self, column_name: str) -> str:
        """The rule as an SQL condition for a CHECK constraint."""
        if self.name == "at_least":
            return f"{column_name} >= {self.argument}"
        if self.name == "at_most":
            return f"{column_name} <= {self.argument}"
        if self.name == "max_length":
            return f"char_length({column_name}) <= {self.argument}"
        if self.name == "matches":
            return f"{column_name} ~ '{self.argument}'"
        if self.name == "on_day":
            return f"({column_name} at time zone 'UTC')::date = {self.argument}"
        return f"{column_name} in ({', '.join(repr(value) for value in self.argument)})"


def column(
    name: str,
    kind: Kind,
    comment: str,
    *,
    key: bool = False,
    nullable: bool = False,
    at_least: float | None = None,
    at_most: float | None = None,
    max_length: int | None = None,
    matches: str | None = None,
    one_of: Sequence[str] | None = None,
    on_day: str | None = None,
    references: str | None = None,
    by_database: str | None = None,
    default: str | None = None,
    sql_type: type[sa.types.TypeEngine[Any]] | None = None,
) -> sa.Column[Any]:
    """Declare a column; narrow integers get an upper bound from their type.

    A timestamp is `on_day` of another column: on that date in UTC. `by_database` is an SQL default for columns that
    frames do not carry, `default` one for columns that they do.
    """
    given: list[tuple[RuleName, Any]] = [
        ("at_least", at_least),
        ("at_most", at_most if at_most is not None or sql_type is None else LARGEST.get(sql_type)),
        ("max_length", max_length),
        ("matches", matches),
        ("one_of", tuple(one_of) if one_of else None),
        ("on_day", on_day),
    ]
    rules = tuple(Rule(rule, argument) for rule, argument in given if argument is not None)
    type_ = sa.DateTime(timezone=True) if kind == "timestamp" else (sql_type or SQL_TYPES[kind])()
    given_by_sql = by_database or default
    arguments: list[Any] = [sa.ForeignKey(references)] if references else []
    return sa.Column(
        name,
        type_,
        *arguments,
        primary_key=key,
        autoincrement=False,
        nullable=nullable,
        comment=comment,
        server_default=sa.text(given_by_sql) if given_by_sql else None,
        info={"kind": kind, "rules": rules, "by_database": by_database is not None},
    )


@dataclass(frozen=True)
class Merge:
    """How a staged row (`excluded` in SQL) is merged with the stored row (`t`) of the same key.

    - `content`: columns replaced when `wins` holds; None means all that are neither key nor listed elsewhere.
    - `wins`: SQL condition under which the staged row's content replaces the stored one.
    - `advance`: columns that only grow (`greatest`).
    - `computed`: column -> SQL expression of its new value.
    - `prefer`: SQL order among staged rows of one key; after it, the row staged last wins.
    - `changed_at`: the column stamped with the time when the content changes.
    """

    wins: str = "true"
    content: tuple[str, ...] | None = None
    advance: tuple[str, ...] = ()
    computed: tuple[tuple[str, str], ...] = ()
    prefer: str | None = None
    changed_at: str | None = None


def table(
    name: str,
    comment: str,
    *parts: sa.schema.SchemaItem,
    group: str,
    merge: Merge | None = None,
    partition_by_month: str | None = None,
    partition_by_day: str | None = None,
    links_date: str = "details_date",
    for_readers: bool | None = None,
    empties_broken: bool = False,
) -> sa.Table:
    """Declare a table; its comment's first sentence is the grain. Adds one CHECK constraint per rule.

    `links_date` is for bridges: the column of `dim_movie` with the day on which a film's links were last replaced.
    `for_readers`: whether `tmdb_reader` may read it, as sql/grants.sql grants it, and exports contain it; unless given,
    for names that begin with `dim_` or `bridge_`. `empties_broken`: a cell that breaks a rule becomes NULL, where its
    column allows NULL, instead of rejecting the row: for rows that others refer to. Raises `TakenNameError`.
    """
    if name in metadata.tables:
        raise TakenNameError(name)
    partition_column = partition_by_month or partition_by_day
    options: Any = {"postgresql_partition_by": f"RANGE ({partition_column})"} if partition_column else {}
    unit = "month" if partition_by_month else "day" if partition_by_day else None
    info = {
        "group": group,
        "merge": merge or Merge(),
        "partition_unit": unit,
        "links_date": links_date,
        "empties_broken": empties_broken,
        "for_readers": name.startswith(READERS_PREFIXES) if for_readers is None else for_readers,
    }
    made: sa.Table = sa.Table(name, metadata, *parts, comment=comment, info=info, **options)
    for col in made.columns:
        for rule in col.info["rules"]:
            if rule.argument == LARGEST.get(type(col.type)):
                continue  # the type enforces it
            made.append_constraint(sa.CheckConstraint(rule.sql(col.name), name=f"ck_{name}_{col.name}_{rule.name}"))
    return made


def frame_columns(table_: sa.Table) -> dict[str, Kind]:
    """The columns of a frame for this table, with their kinds, in order."""
    return {col.name: col.info["kind"] for col in table_.columns if not col.info["by_database"]}


def key_columns(table_: sa.Table) -> list[str]:
    """The natural key: the primary key's columns, in order."""
    return [col.name for col in table_.primary_key.columns]


def day_column(table_: sa.Table) -> sa.Column[Any] | None:
    """The day in the natural key; None for a table without days."""
    return next((col for col in table_.primary_key.columns if col.name in {"snapshot_date", "date_id"}), None)


def sql_type(col: sa.Column[Any]) -> str:
    """The column's type as Postgres names it, in lower case."""
    return str(col.type.compile(dialect=postgresql.dialect())).lower()


def rule_texts(col: sa.Column[Any]) -> list[str]:
    """The column's rules in words, foreign keys included."""
    references = sorted(f"references {key.target_fullname}" for key in col.foreign_keys)  # a set has no stable order
    return [rule.text for rule in col.info["rules"]] + references


def inserted_at() -> sa.Column[Any]:
    """The audit column `inserted_at`."""
    return column("inserted_at", "timestamp", "When the row was first loaded (UTC).", by_database="now()")


def updated_at() -> sa.Column[Any]:
    """The audit column `updated_at`."""
    return column("updated_at", "timestamp", "When the content of the row last changed (UTC).", by_database="now()")


def as_of_date() -> sa.Column[Any]:
    """The column `as_of_date` that every dimension carries."""
    return column("as_of_date", "date", "Last day on which TMDb confirmed the row; it only advances.")


def popularity_score() -> sa.Column[Any]:
    """The column `popularity`; sums, squares and ratios of what it may hold are numbers, too."""
    comment = "TMDb's popularity score, without unit."
    return column("popularity", "number", comment, at_least=0, at_most=1_000_000_000)
