"""Asks a real Spark for its answers and writes them to golden_spark.json.

Run it with pyspark 4.0.1 and Java 17 in an environment of its own, after changing the list:

    python -m venv /tmp/spark && /tmp/spark/bin/pip install pyspark==4.0.1
    /tmp/spark/bin/python tests/sql/make_golden.py
"""

# ruff: noqa: BLE001, E501 - tests read as sentences; the reader's own errors are of any kind

import datetime as dt
import decimal
import json
import os
import time
from pathlib import Path

SCHEMA = (
    "id INT, b TINYINT, i INT, l BIGINT, f FLOAT, d DOUBLE, p DECIMAL(10,2), q DECIMAL(5,3), "
    "s STRING, u STRING, n STRING, t STRING, day DATE, ts TIMESTAMP, ok BOOLEAN, "
    "xs ARRAY<INT>, ws ARRAY<STRING>, m MAP<STRING, INT>, st STRUCT<x: INT, y: STRING>, js STRING"
)
ROWS = [
    [1, 5, 7, 10, 1.5, 2.5, "35.99", "1.125", "Hello World", "o", "42", "2024-02-29",
     "2024-02-29", "2024-02-29T13:45:59.123456", True, [3, 1, 2], ["a", "b", "c"],
     {"a": 1, "b": 2}, [1, "one"], '{"a": {"b": [1, 2]}, "x": 5, "y": "txt", "z": 1.5}'],
    [2, -5, -7, -10, -1.5, -2.5, "-0.05", "-2.500", "  padded  ", "d", "-3", "2023-12-31",
     "2023-12-31", "1969-12-31T23:59:59.500000", False, [], [], {}, [None, "none"],
     '{"x": "5", "y": 7, "z": "bad", "a": null}'],
    [3, 0, 100, 3000000000, 0.1, 1e10, "99999999.99", "0.001", "äöü€😀", "ü", "7", "2024-12-30",
     "2024-12-30", "2024-12-30T00:00:00", True, [None, 5], ["x", None], {"z": None}, [9, None],
     "not json"],
    [4, 127, 2147483646, 9007199254740993, 16777216.0, 0.00012345, "2.50", "9.999", "", "x",
     "0", "1970-01-01", "1970-01-01", "1970-01-01T00:00:00", None, [1], ["a,b"], {"a": 0},
     [0, ""], "[1, 2]"],
    [5, 1, 1, 1, 2.675, 2.675, "1.00", "1.000", "a.b.c|d", ".", "11", "2000-06-15",
     "2000-06-15", "2000-06-15T23:59:59.999999", False, [2, 2, 7], ["b", "a"], {"k": 5},
     [5, "five"], '{"x": 1, "x": 2, "y": "d\\u00e9", "day": "2024-01-02"}'],
    [6, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None,
     None, None, None, None],
]  # fmt: skip

EXPRESSIONS = """
i + 1; i - l; l * 2; i / 2; i / l; d / 2; p / 2; p / q; p * q; p + q; p - q; p % q; p * 2; p + 1; p + i; p * d
i % 3; l % 4; d % 2; -i; -p; -d; b + 1; b * 2; f + d; f * 2; f + l; i div 2; l div -3; i & 6; i | 8; i ^ 3; ~i; 1.5 + 1; 1 / 3; 10 / 4; 2.0 / 3
i = 7; i <> 7; i < l; i >= 7; s = u; i <=> NULL; i <=> b; p > 2; p > 2.5; p >= '2'; i = '7'; d > i; day < ts; day = '2024-02-29'; ts > '2000-01-01'; ok = true; not ok
ok and i > 0; ok or i > 0; i is null; i is not null; s in ('', 'äöü€😀'); i in (1, 7, null); i not in (1, 2); i between 1 and 100; s like '%o%'; s like '_ö%'; s rlike '[A-Z]'; s ilike '%WORLD'
case when i > 5 then 'big' when i > 0 then 'small' else 'neg' end; case i when 7 then 1 end; if(ok, 1, 2.5); coalesce(i, 0); coalesce(p, 0); nvl(s, 'none'); nvl2(s, 1, 2); nullif(i, 7); ifnull(i, -1); greatest(i, b, 3); least(i, l); nanvl(d, 0)
cast(d as int); cast(p as int); cast(l as string); cast(d as string); cast(f as string); cast(p as string); cast(ok as string); cast(day as string); cast(ts as string); cast(n as int); cast(n as decimal); cast(n as double); cast(p as decimal); cast(d as decimal(20,2)); cast(d as decimal(12,4)); cast(p as double); cast(i as boolean); cast(ok as int); cast(ts as date); cast(day as timestamp); cast(ts as bigint); cast(i as timestamp); cast(t as date); cast(t as timestamp); cast(ts as double); cast(1.5 as int); cast(-1.5 as int); cast('t' as boolean); cast(35.99 as decimal); cast(1e10 as string); cast(0.0 as double); cast(p as bigint); cast(p as decimal(4,1)); cast(q as decimal(3,0))
try_cast(s as int); try_cast(s as date); try_cast(s as double); try_cast(n as tinyint); try_cast('1.5' as int); try_cast(' 7 ' as int); try_cast('2024-1' as date); try_cast('2024-01-02T03:04:05Z' as timestamp); try_cast('2024-01-02 03:04:05+02:00' as timestamp); try_cast('2024' as timestamp); try_cast('yes' as boolean); try_cast('1e3' as int); try_cast('1e3' as decimal(10,2)); try_cast(d as tinyint); try_cast(p as decimal(3,1)); try_cast('2024-02-30' as date); try_cast('NaN' as double); try_cast('inf' as float); try_cast('1d' as double); try_cast('2024-01-02 junk' as date); try_cast('2024-01-02Tjunk' as date)
upper(s); lower(s); length(s); char_length(s); octet_length(s); bit_length(s); trim(s); ltrim(s); rtrim(s); trim('d', s); trim(both 'd ' from s); btrim(s); ltrim('H', s); rtrim('d', s); btrim(s, ' p'); reverse(s); repeat(s, 2); repeat(s, -1); replace(s, 'o'); replace(s, 'o', '0'); replace(s, '', 'x'); startswith(s, 'H'); endswith(s, 'd'); contains(s, 'o'); instr(s, 'o'); instr(s, ''); locate('o', s); position('o', s); position('o' in s)
left(s, 3); left(s, -1); right(s, 3); right(s, 0); right(s, -2); ascii(s); md5(s); sha1(s); sha2(s, 256); sha2(s, 0); translate(s, 'lo', 'x'); base64(cast(s as binary)); hex(l); hex(i); lpad(s, 8, '*'); rpad(s, 8, '*'); lpad(s, 3); rpad(s, 13); lpad(s, 5, ''); initcap(s); split_part(s, '.', 2); split_part(s, '.', -1); split_part(s, 'zz', 1); chr(65); chr(321); char(i); space(2); url_encode(s); unbase64('aGk=')
substring(s, 1, 3); substring(s, 0, 3); substring(s, -3, 2); substring(s, 2); substring(s, -2); substring(s, -20, 12); substring(s, 3, -1); substr(s, 2, 2); substring(s, 0); substring(s, -50); substring_index(s, '.', 1); substring_index(s, '.', 2); substring_index(s, '.', -1); substring_index(s, 'o', 5); substring_index(s, '.', 0); concat(s, u); concat(s, '-', i); s || u; concat_ws('-', s, u); concat_ws(',', ws); concat_ws(',', s, ws, u); concat_ws('-')
regexp_extract(s, '([a-z]+)', 1); regexp_extract(s, '(\\\\w+) (\\\\w+)', 2); regexp_extract(s, 'l+', 0); regexp_replace(s, '[aeiou]', '*'); regexp_replace(s, '(l+)', '<$1>'); regexp_like(s, '^H'); split(s, ' '); split(s, '[.|]'); split(s, 'o'); split(u, ','); s rlike '\\\\s$'
abs(i); abs(d); abs(p); sqrt(l); cbrt(27); exp(0); ln(l); log10(1000); log2(8); log(d); pow(2, 10); power(i, 2); sin(0); cos(0); tan(0); atan(1); atan2(1, 1); degrees(pi()); radians(180); sign(i); signum(d); isnan(d); factorial(5); factorial(b); positive(i); negative(i); mod(i, 3); mod(p, 2); pmod(i, 3); pmod(-7, 3); pmod(p, 2); pmod(d, 2); ceil(d); ceil(p); ceil(i); floor(d); floor(p); floor(q); round(d); round(d, 2); round(p); round(p, 1); round(q, 1); round(i); round(i, -1); round(2.5); round(-2.5); round(f, 1); round(2.675, 2); round(1.005D, 2); round(d, 3); ceiling(f)
year(day); month(day); day(day); dayofmonth(ts); quarter(day); dayofyear(day); weekofyear(day); dayofweek(day); weekday(day); hour(ts); minute(ts); second(ts); last_day(day); datediff(day, '2024-01-01'); date_diff(day, date '2000-01-01'); date_add(day, 5); date_sub(day, 5); date_add(day, i % 10); add_months(day, 1); add_months(day, -2); day + 1; day - 1; make_date(2024, 2, 29); timestamp_seconds(l % 1000000); timestamp_millis(l % 100000000); timestamp_micros(l); unix_seconds(ts); unix_millis(ts); unix_micros(ts); unix_date(day); date_from_unix_date(i % 100000); from_unixtime(i); unix_timestamp(ts); unix_timestamp(day); to_unix_timestamp(ts); unix_timestamp('2024-01-02 03:04:05'); extract(year from ts); extract(month from day); year(ts); year(t)
date_trunc('month', ts); date_trunc('hour', ts); date_trunc('week', ts); date_trunc('quarter', ts); date_trunc('YEAR', ts); date_trunc('second', ts); date_trunc('day', day); date_trunc('millisecond', ts); trunc(day, 'MM'); trunc(day, 'year'); trunc(day, 'week'); trunc(day, 'Q'); date_format(ts, 'yyyy-MM-dd HH:mm:ss'); date_format(ts, 'yyyy/M/d'); date_format(day, 'EEEE, dd MMM yyyy'); date_format(ts, 'hh:mm a'); date_format(ts, 'yyyyMMdd'); date_format(ts, 'HH:mm:ss.SSS'); date_format(ts, 'HH:mm:ss.SSSSSS'); date_format(day, 'E D') ; date_format(ts, "yyyy-MM-dd'T'HH:mm:ss"); date_format(day, 'MMMM yy'); date_format(day, 'DDD')
to_date(t); to_date(t, 'yyyy-MM-dd'); to_date('03/04/2024', 'dd/MM/yyyy'); to_timestamp(t); to_timestamp(t, 'yyyy-MM-dd'); to_timestamp('2024-01-02 03:04:05', 'yyyy-MM-dd HH:mm:ss'); to_timestamp('20240102', 'yyyyMMdd'); try_to_timestamp(s, 'yyyy-MM-dd'); try_to_timestamp('2024-1-2', 'yyyy-MM-dd'); try_to_timestamp('2024-1-2', 'yyyy-M-d'); try_to_timestamp(s); to_timestamp('02 Jan 2024', 'dd MMM yyyy'); to_timestamp('2024-01-02 03:04:05.678', 'yyyy-MM-dd HH:mm:ss.SSS'); to_timestamp('01/02/2024 11:30 PM', 'MM/dd/yyyy hh:mm a'); from_utc_timestamp(ts, 'Europe/Berlin'); to_utc_timestamp(ts, 'America/New_York'); date '2024-01-01'; timestamp '2024-01-01 10:00:00'; ts + interval 1 day; ts - interval 90 minutes; day + interval 1 month; day + interval 2 days; ts + interval 1 month; day - interval 1 year; day + interval 5 hours
array(1, 2, 3); array(i, l); array(); size(xs); size(m); cardinality(xs); array_size(xs); xs[0]; get(xs, 0); get(xs, 9); get(xs, -1); element_at(m, 'a'); m['a']; m['zz']; m.a; element_at(xs, 9); array_contains(xs, 2); array_contains(xs, 5); array_contains(xs, 9); array_compact(xs); sort_array(xs); array_max(xs); array_min(xs); slice(xs, 2, 2); slice(xs, 1, 0); flatten(array(xs, xs)); array_join(ws, '-'); array_join(xs, ','); map_keys(m); map_values(m); map_contains_key(m, 'a'); map('k', i); struct(i, s); struct(i as a, s as b); named_struct('a', i, 'b', s); st.x; st.y; struct(i, p).p; transform(xs, x -> x + 1); transform(xs, x -> x * i); filter(xs, x -> x > 1); exists(xs, x -> x > 4); forall(xs, x -> x > 0); transform(ws, w -> upper(w)); transform(array(xs), a -> transform(a, x -> x + 1)); concat(xs, xs); cast(xs as array<string>); cast(st as struct<a: bigint, b: string>); array('a', s); element_at(ws, -1)
get_json_object(js, '$.x'); get_json_object(js, '$.a'); get_json_object(js, '$.a.b'); get_json_object(js, '$.a.b[1]'); get_json_object(js, '$.y'); get_json_object(js, '$.z'); get_json_object(js, "$['x']"); get_json_object(js, '$.nope'); from_json(js, 'x INT'); from_json(js, 'x INT, y STRING, z DOUBLE'); from_json(js, 'a STRUCT<b: ARRAY<INT>>'); from_json(js, 'z DECIMAL(5,2), y STRING'); from_json(js, 'x STRING'); from_json(js, 'day DATE'); from_json(js, 'x STRING').x
isnull(i); isnotnull(i); int(n); string(i); double(n); bigint(p); date(t); boolean(i); 'it''s'; 'a\\nb'; r'a\\d'; X'1F'; 1L; 1.5D; 2S; 1e3; 1.50BD; 'a' 'b'; true; -2147483648; 9999999999; 0.05; 123.450; .5
cast('abc' as int); 1 / 0; i / 0; i % 0; p / 0; element_at(array(1), 3); array(1)[5]; cast(300 as tinyint); 2147483647 + 1; cast('2024-13-01' as date); to_timestamp('x', 'yyyy'); cast('1.5' as int); cast(1e20 as bigint); abs(cast(-128 as tinyint)); cast('maybe' as boolean)
""".strip()


def expressions() -> list[str]:
    lines = EXPRESSIONS.splitlines()
    return [each.strip() for line in lines for each in line.split("; ") if each.strip()]


def plain(value):
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, decimal.Decimal):
        return {"decimal": f"{value:f}"}
    if isinstance(value, dt.datetime):
        return {"timestamp": value.isoformat(timespec="microseconds")}
    if isinstance(value, dt.timedelta):
        return {"interval": str(value)}
    if isinstance(value, dt.date):
        return {"date": value.isoformat()}
    if isinstance(value, bytes | bytearray):
        return {"binary": bytes(value).hex()}
    if isinstance(value, dict):
        return {"map": sorted([plain(k), plain(v)] for k, v in value.items())}
    if isinstance(value, tuple):
        return {"struct": [plain(each) for each in value]}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def spark_rows() -> list[tuple]:
    found = []
    for row in ROWS:
        made = list(row)
        for at in (6, 7):
            made[at] = None if made[at] is None else decimal.Decimal(made[at])
        made[12] = None if made[12] is None else dt.date.fromisoformat(made[12])
        made[13] = None if made[13] is None else dt.datetime.fromisoformat(made[13])
        made[18] = None if made[18] is None else tuple(made[18])
        found.append(tuple(made))
    return found


def start_spark():
    os.environ["TZ"] = "UTC"
    time.tzset()
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    return spark


def main() -> None:
    spark = start_spark()
    from pyspark.sql import functions

    frame = spark.createDataFrame(spark_rows(), SCHEMA).coalesce(1).cache()
    cases = []
    for text in expressions():
        case = {"expression": text}
        try:
            answer = frame.orderBy("id").select(functions.expr(text).alias("r"))
            case["type"] = answer.schema["r"].dataType.simpleString()
            case["values"] = [plain(row[0]) for row in answer.collect()]
        except Exception as error:
            condition = getattr(error, "getCondition", lambda: None)()
            case["error"] = condition or type(error).__name__
        cases.append(case)
    spark.stop()
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({"spark": "4.0.1", "schema": SCHEMA, "rows": ROWS}, ensure_ascii=False)
    text = f'{head[:-1]},\n"cases": [\n{lines}\n]}}\n'
    Path(__file__).with_name("golden_spark.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
