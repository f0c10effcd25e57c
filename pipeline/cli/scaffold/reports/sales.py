"""The tables of `weekly-sales`. A parameter's name says what it gets: a dataset, `period`, `params`."""

from datetime import timedelta
from typing import Any
from zlib import crc32

import pandas as pd


def sales(shops: pd.DataFrame, period: Any) -> pd.DataFrame:
    """Invented sales of the period and the week before it, one row a shop and day; the same at every run.

    Replace it by your own: a file, a SQL query (`{sql: reports/sales.sql, source: warehouse}`), or pandas.
    """
    start = pd.Timestamp(period.start.date())
    days = pd.date_range(start - timedelta(days=7), start + timedelta(days=6))
    rows = shops[["shop"]].merge(pd.DataFrame({"day": days}), how="cross")
    luck = (rows["shop"] + rows["day"].dt.strftime(" %Y-%m-%d")).map(lambda text: crc32(text.encode()) % 1000)
    rows["orders"] = 40 + luck // 20
    rows["revenue"] = rows["orders"] * (18.5 + luck % 7)
    return rows


def by_shop(sales: pd.DataFrame, shops: pd.DataFrame, period: Any) -> pd.DataFrame:
    """One row a shop, the best first: city, orders, revenue, last_week (the revenue before it), change."""
    this_week = sales["day"] >= pd.Timestamp(period.start.date())
    table = shops.set_index("shop")[["city"]]
    table[["orders", "revenue"]] = sales[this_week].groupby("shop")[["orders", "revenue"]].sum()
    table["last_week"] = sales[~this_week].groupby("shop")["revenue"].sum()
    table["change"] = table["revenue"] / table["last_week"] - 1
    return table.sort_values("revenue", ascending=False).reset_index()


def total(by_shop: pd.DataFrame) -> pd.DataFrame:
    """Everything in one row: orders, revenue, last_week, change."""
    row = by_shop[["orders", "revenue", "last_week"]].sum().to_frame().T
    row["change"] = row["revenue"] / row["last_week"] - 1
    return row
