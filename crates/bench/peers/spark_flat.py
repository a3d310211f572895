"""Makes movimento_flat with PySpark over JDBC: spark_flat.py check|single|partitioned FOLDER.

JDBC speaks TCP only: the server is named by PGHOST and PGPORT as for all others, but must be a host. The driver's
jar is named by JDBC_JAR; without it, Spark gets one from Maven's central repository.
"""

import os
import sys

from pyspark.sql import SparkSession

from cards import COLUMNS, MODEL, NEEDED, report

DRIVER = "org.postgresql:postgresql:42.7.7"


def session():
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    # Spark's default of 1 GB is too little for five million rows.
    builder = builder.config("spark.driver.memory", "4g").config("spark.sql.session.timeZone", "UTC")
    jar = os.environ.get("JDBC_JAR")
    builder = builder.config("spark.jars", jar) if jar else builder.config("spark.jars.packages", DRIVER)
    return builder.getOrCreate()


def reader(spark):
    host, port, database = (os.environ[name] for name in ("PGHOST", "PGPORT", "PGDATABASE"))
    return spark.read.format("jdbc").options(
        url=f"jdbc:postgresql://{host}:{port}/{database}",
        user=os.environ["PGUSER"],
        password=os.environ["PGPASSWORD"],
        driver="org.postgresql.Driver",
        # The default, 0, has the driver hold the whole result.
        fetchsize="10000",
    )


def flat(spark):
    """The model, run by Spark on the four tables; the largest is read over two connections, as ours is."""
    bounds = reader(spark).option("query", "SELECT min(id) AS low, max(id) AS high FROM cards.movimento")
    low, high = bounds.load().first()
    for table, columns in NEEDED.items():
        source = reader(spark).option("dbtable", f"(SELECT {columns} FROM cards.{table}) AS t")
        if table == "movimento":
            source = source.options(partitionColumn="id", lowerBound=low, upperBound=high, numPartitions=2)
        source.load().createOrReplaceTempView(table)
    return spark.sql(MODEL)


def stop(spark):
    """Waits for the Java process, so that its time and memory count as this one's."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def main():
    mode, target = sys.argv[1], f"file://{sys.argv[2]}/movimento_flat"
    # By default Spark cuts timestamps off after the milliseconds.
    options = {"header": True, "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"}
    spark = session()
    if mode == "single":
        flat(spark).orderBy("id_movimento").select(*COLUMNS).coalesce(1).write.csv(target, **options)
    elif mode == "partitioned":
        flat(spark).select(*COLUMNS, "id_associado").write.partitionBy("id_associado").csv(target, **options)
    else:
        reader(spark).option("query", "SELECT 1 AS one").load().first()
    stop(spark)
    report("pyspark")


main()
