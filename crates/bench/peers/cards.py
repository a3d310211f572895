"""What the ways of making movimento_flat share: where the tables are, and what is read of them.

The server is named by the PG* variables.
"""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

REPOSITORY = Path(__file__).resolve().parents[3]
MODEL = (REPOSITORY / "sql/cards/models/movimento_flat.sql").read_text()

# The eleven columns of the files, in their order.
COLUMNS = [
    "nome_associado", "sobrenome_associado", "idade_associado", "vlr_transacao_movimento",
    "des_transacao_movimento", "data_movimento", "numero_cartao", "nome_impresso_cartao",
    "data_criacao_cartao", "tipo_conta", "data_criacao_conta",
]  # fmt: skip

# No way reads more than the model needs.
NEEDED = {
    "associado": "id, nome, sobrenome, idade",
    "conta": "id, tipo, data_criacao",
    "cartao": "id, num_cartao, nom_impresso, data_criacao, id_conta, id_associado",
    "movimento": "id, vlr_transacao, des_transacao, data_movimento, id_cartao",
}


def url():
    """For clients that don't read the PG* variables themselves."""
    user, password, host, database = (
        quote(os.environ[name], safe="") for name in ("PGUSER", "PGPASSWORD", "PGHOST", "PGDATABASE")
    )
    return f"postgresql://{user}:{password}@{host}:{os.environ['PGPORT']}/{database}"


def report(*packages, **more):
    """Prints what the bench reads: the versions, and whatever else it is to know."""
    versions = [f"{package} {version(package)}" for package in packages]
    versions.append(f"Python {platform.python_version()}")
    print(json.dumps({"versions": ", ".join(versions), **more}))
