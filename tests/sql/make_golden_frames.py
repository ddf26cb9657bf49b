"""Asks a real Spark for its answers to frame_cases.py and writes them to golden_frames.json.

Run it as make_golden.py, after changing the cases:

    /tmp/spark/bin/python tests/sql/make_golden_frames.py
"""

# ruff: noqa: BLE001, S307 - an error of Spark is an answer; the cases are ours

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path

from frame_cases import COLUMNS, EDGES, FRAMES, OTHER_ROWS, OTHER_SCHEMA, ROWS, SCHEMA, lines
from make_golden import plain, start_spark


def made(kind, value):
    """Give a value of ROWS as what PySpark takes."""
    name = type(kind).__name__
    if value is None:
        return None
    match name:
        case "DecimalType":
            return Decimal(value)
        case "FloatType" | "DoubleType":
            return float(value)
        case "DateType":
            return dt.date.fromisoformat(value)
        case "TimestampType":
            return dt.datetime.fromisoformat(value)
        case "BinaryType":
            return bytearray.fromhex(value)
        case "ArrayType":
            return [made(kind.elementType, each) for each in value]
        case "StructType":
            return tuple(made(f.dataType, each) for f, each in zip(kind, value, strict=True))
        case _:
            return value


def frame_of(spark, schema, rows):
    from pyspark.sql.types import _parse_datatype_string

    kind = _parse_datatype_string(schema)
    return spark.createDataFrame([made(kind, row) for row in rows], kind).coalesce(1).cache()


def condition_of(error):
    return getattr(error, "getCondition", lambda: None)() or type(error).__name__


def column_answer(frame, text, names):
    """Give the type and a value for each row; where a row fails, what Spark calls the error."""
    try:
        answer = frame.select("id", eval(text, names).alias("r"))
        kind = answer.schema["r"].dataType.simpleString()
    except Exception as error:
        return {"case": text, "error": condition_of(error)}
    try:
        values = [plain(row[1]) for row in answer.orderBy("id").collect()]
    except Exception:
        values = [one_answer(answer.filter(f"id = {row[0]}")) for row in ROWS]
    return {"case": text, "type": kind, "values": values}


def one_answer(answer):
    try:
        return plain(answer.select("r").collect()[0][0])
    except Exception as error:
        return {"error": condition_of(error)}


def frame_answer(text, names):
    try:
        answer = eval(text, names)
        columns = [[f.name, f.dataType.simpleString()] for f in answer.schema]
        rows = sorted(([plain(each) for each in row] for row in answer.collect()), key=json.dumps)
    except Exception as error:
        return {"case": text, "error": condition_of(error)}
    return {"case": text, "columns": columns, "rows": rows}


def cast_answers(spark):
    for source, texts in EDGES.items():
        values = [each.strip() for each in texts.split("; ")]
        rows = " UNION ALL ".join(
            f"SELECT {i} AS id, cast({each} AS {source}) AS v" for i, each in enumerate(values)
        )
        frame = spark.sql(rows).coalesce(1).cache()
        for target in EDGES:
            yield cast_answer(frame, source, target, len(values))


def cast_answer(frame, source, target, count):
    """Give what a cast makes of each value, as ``try_cast`` does it where that is not an error."""
    case = {"source": source, "target": target}
    try:
        gentle = frame.select("id", frame.v.try_cast(target).alias("r"))
    except Exception as error:
        return {**case, "error": condition_of(error)}
    strict = frame.select("id", frame.v.cast(target).alias("r"))
    try:
        found = [plain(row[1]) for row in gentle.orderBy("id").collect()]
    except ValueError:
        # Python holds the years from 1 to 9999 only.
        found = [None] * count
    for i in range(count):
        if found[i] is None:
            found[i] = one_answer(strict.filter(f"id = {i}"))
    return {**case, "values": found}


def main() -> None:
    spark = start_spark()
    from pyspark.sql import functions

    frame = frame_of(spark, SCHEMA, ROWS)
    names = {"F": functions, "dt": dt, "Decimal": Decimal, "s": frame}
    names["r"] = frame_of(spark, OTHER_SCHEMA, OTHER_ROWS)
    casts = list(cast_answers(spark))
    parts = {
        "columns": [column_answer(frame, text, names) for text in lines(COLUMNS)],
        "frames": [frame_answer(text, names) for text in lines(FRAMES)],
        "casts": casts,
    }
    spark.stop()
    written = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]"
        for name, cases in parts.items()
    )
    target = Path(sys.argv[1] if sys.argv[1:] else Path(__file__).with_name("golden_frames.json"))
    target.write_text(f'{{"spark": "4.0.1",\n{written}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
