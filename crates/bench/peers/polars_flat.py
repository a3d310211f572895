"""Makes movimento_flat with Polars and connectorx: polars_flat.py check|single|partitioned FOLDER."""

import sys
from pathlib import Path

import polars as pl

from cards import COLUMNS, NEEDED, report, url


def read(table):
    """A whole table; the largest over two connections, as ours is."""
    split = {"partition_on": "id", "partition_num": 2} if table == "movimento" else {}
    query = f"SELECT {NEEDED[table]} FROM cards.{table}"
    return pl.read_database_uri(query, url(), engine="connectorx", **split)


def flat():
    """The join, as somebody would write it in Polars, with the movement's id and the client's."""
    clients = read("associado").lazy().select(
        "id", nome_associado="nome", sobrenome_associado="sobrenome", idade_associado="idade"
    )
    accounts = read("conta").lazy().select("id", tipo_conta="tipo", data_criacao_conta="data_criacao")
    cards = read("cartao").lazy().select(
        "id", "id_conta", "id_associado",
        numero_cartao="num_cartao", nome_impresso_cartao="nom_impresso", data_criacao_cartao="data_criacao",
    )  # fmt: skip
    movements = read("movimento").lazy().select(
        "id", "id_cartao", "data_movimento",
        # connectorx gives every numeric ten decimals.
        vlr_transacao_movimento=pl.col("vlr_transacao").cast(pl.Decimal(10, 2)),
        des_transacao_movimento="des_transacao",
    )  # fmt: skip
    cards = cards.join(accounts, left_on="id_conta", right_on="id").join(clients, left_on="id_associado", right_on="id")
    return movements.join(cards, left_on="id_cartao", right_on="id")


def main():
    mode, folder = sys.argv[1], Path(sys.argv[2])
    if mode == "single":
        flat().sort("id").select(COLUMNS).collect().write_csv(folder / "movimento_flat.csv")
    elif mode == "partitioned":
        target = pl.PartitionBy(folder / "movimento_flat", key="id_associado", include_key=False)
        flat().select(*COLUMNS, "id_associado").sink_csv(target, mkdir=True)
    report("polars", "connectorx")


main()
