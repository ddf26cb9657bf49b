"""Calls of the DataFrame API, written so that PySpark and lakestream evaluate the same text.

``F`` is the functions module, ``s`` the frame or stream of ``ROWS``, ``r`` the static one of
``OTHER_ROWS``; ``dt`` and ``Decimal`` are Python's. make_golden.py asks a real Spark for the
answers, test_frames.py compares ours with them.
"""

# ruff: noqa: E501, RUF001 - the lists are tables, and their texts are of all scripts

SCHEMA = (
    "id INT, b TINYINT, h SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, p DECIMAL(10,2), "
    "q DECIMAL(5,3), big DECIMAL(38,10), s STRING, u STRING, n STRING, t STRING, day DATE, "
    "ts TIMESTAMP, ok BOOLEAN, raw BINARY, xs ARRAY<INT>, ws ARRAY<STRING>, "
    "xx ARRAY<ARRAY<INT>>, ds ARRAY<DOUBLE>, m MAP<STRING, INT>, "
    "st STRUCT<x: INT, Y: STRING>, js STRING"
)
#: Numbers that JSON or Python cannot spell stand as texts: decimals, NaN, times, bytes in hex.
ROWS = [
    [1, 5, 300, 7, 10, 1.5, 2.5, "35.99", "1.125", "123456789012345678901234.0123456789",
     "Hello World", "o", "42", "2024-02-29", "2024-02-29", "2024-02-29T13:45:59.123456", True,
     "6869", [3, 1, 2], ["a", "b", "c"], [[1, 2], [3]], [1.5, -0.5], {"a": 1, "b": 2},
     [1, "one"], '{"a": {"b": [1, 2]}, "x": 5, "y": "txt", "z": 1.5}'],
    [2, -5, -300, -7, -10, -1.5, -2.5, "-0.05", "-2.500", "-0.0000000001", "  padded\t ", "d",
     "-3", "2023-12-31", "2023-12-31", "1969-12-31T23:59:59.500000", False, "", [], [], [],
     [], {}, [None, "none"], '{"x": "5", "y": 7, "z": "bad", "a": null}'],
    [3, 0, 0, 100, 3000000000, 0.1, 1e10, "99999999.99", "0.001", "0.5000000000", "äöü€😀ẞ", "ü",
     "7", "2024-12-30", "2024-12-30", "2024-03-31T01:30:00", True, "00ff", [None, 5], ["x", None],
     [None, [1]], ["NaN", 1.0], {"z": None}, [9, None], "not json"],
    [4, 127, 32767, 2147483647, 9007199254740993, 16777216.0, 0.00012345, "2.50", "9.999",
     "999999999999999999999999.9999999999", "", "x", "0", "1970-01-01", "1970-01-01",
     "1970-01-01T00:00:00", None, "c3a4", [1], ["a,b"], [[]], [None], {"a": 0}, [0, ""],
     "[1, 2]"],
    [5, 1, 1, 1, 1, 2.675, 2.675, "1.00", "1.000", "1.0000000000", "a.b.c|d", ".", "11",
     "2000-06-15", "2000-06-15", "2024-10-27T00:30:00", False, "ff", [2, 2, 7], ["b", "a"],
     [[2, None]], [0.1], {"k": 5}, [5, "five"],
     '{"x": 1, "x": 2, "y": "d\\u00e9", "day": "2024-01-02"}'],
    [6, -128, -32768, -2147483648, -9223372036854775808, "-Infinity", "-Infinity",
     "-99999999.99", "-99.999", "-999999999999999999999999.9999999999", "o'REILLY-élan ǆ x2y",
     "O", "x", "1900-03-01", "1900-03-01", "1900-03-01T00:00:00.000001", True, "0a20",
     [-1, 0, 2147483647], ["", "ä"], [[0]], ["Infinity"], {"": -1}, [-1, "É"],
     '{"a": "q\\"uo", "x": 1.5, "y": {"k": [1, {"z": null}]}, "z": 1e3, "ok": true}'],
    [7, 2, 12, 59, 1700000000, "NaN", "NaN", "0.00", "0.000", "0.0000000000", "aXbXc aaa", "X",
     "1.5", "1582-10-15", "1582-10-15", "2024-11-03T06:30:00", False, "e282ac", [None], [None],
     None, ["NaN"], {"n": 9}, [None, None], '{"x": 2147483648, "z": "1.5", "y": false}'],
    [8, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None,
     None, None, None, None, None, None, None, None, None],
]  # fmt: skip
OTHER_SCHEMA = "id INT, kind STRING, Amount DECIMAL(6,2)"
OTHER_ROWS = [[1, "one", "1.50"], [1, "uno", None], [3, "three", "3.00"], [99, "none", "0.00"],
              [None, "null", "9.00"]]  # fmt: skip

#: One call a line; each gives a Column over ROWS.
COLUMNS = r"""
F.abs("i")|F.abs("d")|F.abs("p")|F.abs("big")|F.abs("b")|F.abs("l")|F.abs("n")
F.add_months("day", 1)|F.add_months("day", -2)|F.add_months("ts", 12)|F.add_months(F.col("day"), "b")|F.add_months(F.lit(dt.date(2024, 1, 31)), 1)
F.array("i", "l")|F.array("i", "s")|F.array(F.lit(1), F.lit(2.5))|F.array("xs", "xs")|F.array("p", "q")|F.array(["i", "b"])|F.array("day", "ts")
F.array_compact("xs")|F.array_compact("ws")|F.array_compact("xx")
F.array_contains("xs", 2)|F.array_contains("xs", 9)|F.array_contains("ws", "a")|F.array_contains("xs", F.col("i"))|F.array_contains("ds", 1.5)|F.array_contains("ds", float("nan"))|F.array_contains("xs", F.lit(5).cast("bigint"))
F.array_join("ws", "-")|F.array_join("ws", "")|F.array_join("xs", ",")|F.array_join("ws", "-", "?")
F.array_max("xs")|F.array_max("ds")|F.array_max("ws")|F.array_min("xs")|F.array_min("ds")|F.array_min("ws")|F.array_size("xs")|F.array_size("ws")
F.ascii("s")|F.ascii("u")|F.ascii("i")|F.atan("d")|F.atan("i")|F.atan2("d", "i")|F.atan2(F.col("d"), 1.0)|F.atan2(1.0, "d")
F.base64("raw")|F.base64("s")|F.unbase64(F.base64("raw"))|F.unbase64(F.lit("aGk="))|F.unbase64(F.lit("aG k"))|F.base64(F.lit("x" * 70))
F.bit_length("s")|F.bit_length("raw")|F.octet_length("s")|F.octet_length("raw")
F.btrim("s")|F.btrim("s", F.lit(" p"))|F.btrim("s", F.lit("Hd"))|F.btrim("s", "u")|F.trim("s")|F.trim("s", F.lit("Hd"))|F.trim("s", "u")|F.ltrim("s")|F.ltrim("s", F.lit("H a"))|F.rtrim("s")|F.rtrim("s", F.lit("d "))|F.trim("i", F.lit("1"))|F.trim("s", F.lit(""))
F.call_function("upper", F.col("s"))|F.call_function("upper", "s")|F.call_function("concat", F.col("s"), F.lit("!"))|F.call_function("abs", F.col("i"))
F.cbrt("d")|F.cbrt("i")|F.ceil("d")|F.ceil("p")|F.ceil("i")|F.ceil("big")|F.ceil("q")|F.ceil("f")|F.floor("d")|F.floor("p")|F.floor("i")|F.floor("big")|F.floor("q")|F.floor("f")|F.ceil("b")
F.coalesce("i", F.lit(0))|F.coalesce("i", "l", "d")|F.coalesce("s", "n")|F.coalesce("xs", F.array(F.lit(1)))|F.coalesce("p", "q")|F.coalesce("day", "ts")|F.coalesce("n", "i")
F.col("i")|F.col("st.x")|F.col("st.y")|F.col("`s`")|F.col("m.a")|F.col("I")
F.concat("s", "u")|F.concat("s", F.lit("-"), "i")|F.concat("xs", "xs")|F.concat("s", "p", "day")|F.concat("raw", "raw")|F.concat("s", "d")|F.concat("s", "ts", "ok")|F.concat("s")|F.concat("xs", F.array("l"))
F.concat_ws("-", "s", "u")|F.concat_ws(",", "ws")|F.concat_ws(",", "s", "ws", "u")|F.concat_ws("", "s", "i")|F.concat_ws("\|", "day", "ok", "p")
F.contains("s", F.lit("o"))|F.contains("s", "u")|F.contains(F.lit("abc"), F.lit(""))|F.startswith("s", F.lit("H"))|F.startswith("s", "u")|F.endswith("s", F.lit("d"))|F.endswith("s", "u")|F.endswith("raw", F.lit(b"i"))
F.cos("d")|F.sin("d")|F.tan("d")|F.sin("i")|F.cos("i")|F.tan("i")|F.degrees("d")|F.degrees("i")|F.radians("d")|F.radians("i")|F.exp("i")|F.exp("b")|F.exp("d")|F.ln("d")|F.ln("i")|F.ln("l")|F.log10("d")|F.log10("l")|F.log2("d")|F.log2("l")|F.sqrt("d")|F.sqrt("i")|F.sqrt("p")
F.create_map(F.lit("k"), "i")|F.create_map(F.lit("a"), "i", F.lit("b"), "b")|F.create_map("id", "s")|F.create_map("s", "i")|F.create_map(F.lit("k"), "i", F.lit("k"), "b")|F.create_map("i", "l")
F.current_date() > F.lit(dt.date(2020, 1, 1))|F.current_timestamp() > F.lit(dt.datetime(2020, 1, 1))|F.now() == F.current_timestamp()
F.date_add("day", 5)|F.date_add("day", F.col("b"))|F.date_add("ts", 1)|F.date_add("day", "b")|F.date_add("t", 1)|F.date_sub("day", 5)|F.date_sub("day", F.col("b"))|F.date_sub("day", "b")|F.date_sub("ts", -1)|F.date_add("day", F.lit(3).cast("smallint"))|F.date_add("day", "l")
F.date_diff("day", F.lit("2024-01-01"))|F.date_diff("ts", "day")|F.datediff("day", "ts")|F.datediff("day", F.lit(dt.date(2000, 1, 1)))
F.date_format("ts", "yyyy-MM-dd HH:mm:ss")|F.date_format("ts", "yyyy/M/d H:m:s")|F.date_format("day", "EEEE, dd MMM yyyy")|F.date_format("ts", "hh:mm a")|F.date_format("ts", "h a")|F.date_format("ts", "HH:mm:ss.SSS")|F.date_format("ts", "HH:mm:ss.SSSSSS")|F.date_format("day", "E D")|F.date_format("ts", "yyyy-MM-dd'T'HH:mm:ss'Z'")|F.date_format("day", "MMMM yy")|F.date_format("day", "DDD")|F.date_format("day", "EEE d''")|F.date_format("t", "dd")|F.date_format("day", "'%d' yyyy%")
F.date_from_unix_date("b")|F.date_from_unix_date("h")|F.unix_date("day")|F.unix_date("ts")
F.date_trunc("year", "ts")|F.date_trunc("YYYY", "ts")|F.date_trunc("quarter", "ts")|F.date_trunc("mon", "ts")|F.date_trunc("week", "ts")|F.date_trunc("day", "ts")|F.date_trunc("dd", "day")|F.date_trunc("hour", "ts")|F.date_trunc("minute", "ts")|F.date_trunc("second", "ts")|F.date_trunc("millisecond", "ts")|F.date_trunc("microsecond", "ts")|F.date_trunc("month", "t")
F.day("day")|F.day("ts")|F.day("t")|F.dayofmonth("day")|F.dayofweek("day")|F.dayofyear("day")|F.weekday("day")|F.weekofyear("day")|F.quarter("ts")|F.month("ts")|F.year("ts")|F.year("t")|F.hour("ts")|F.minute("ts")|F.second("ts")|F.hour("day")|F.hour("t")|F.last_day("day")|F.last_day("ts")|F.weekofyear("ts")|F.dayofweek("ts")
F.element_at("xs", 1)|F.element_at("xs", -1)|F.element_at("m", "a")|F.element_at("m", F.lit("zz"))|F.element_at("xs", F.lit(5))|F.element_at("xs", F.lit(0))|F.element_at("m", F.col("u"))|F.element_at("ws", 1)
F.exists("xs", lambda x: x > 4)|F.exists("xs", lambda x: x.isNull())|F.forall("xs", lambda x: x > 0)|F.forall("ws", lambda x: x.isNotNull())|F.exists("xx", lambda a: F.exists(a, lambda x: x == 1))|F.forall("xx", lambda a: F.size(a) > 0)
F.filter("xs", lambda x: x > 1)|F.filter("xs", lambda x: x > F.col("b"))|F.filter("ws", lambda x: x != "a")|F.filter("xx", lambda a: F.exists(a, lambda x: x > 1))|F.filter("xs", lambda x, at: at > 0)
F.transform("xs", lambda x: x + 1.5)|F.transform("xs", lambda x: x * F.col("b").cast("bigint"))|F.transform("xx", lambda a: F.transform(a, lambda x: x.cast("bigint") + F.size(a)))|F.transform("ws", lambda w: F.upper(w))|F.transform("xx", lambda a: F.filter(a, lambda x: x.isNotNull()))|F.transform("xs", lambda x: F.struct(x.alias("v"), F.lit("k").alias("w")))|F.transform("xs", lambda x, at: at)|F.transform("xx", lambda a: F.transform("xs", lambda x: F.array_contains(a, x)))|F.transform("xx", lambda a: F.transform(a, lambda x: F.transform("xs", lambda y: F.coalesce(x, y, F.lit(0)))))|F.transform("ds", lambda x: F.when(x > 0, "plus").otherwise("other"))
F.expr("i * 2L")|F.expr("upper(s) \|\| '!'")|F.expr("transform(xs, x -> x IS NULL)")
F.factorial("b")|F.factorial("id")|F.factorial(F.lit(20))|F.factorial(F.lit(21))
F.flatten("xx")|F.flatten(F.array("xs", "xs"))
F.from_json("js", "x INT")|F.from_json("js", "x BIGINT, y STRING, z DOUBLE")|F.from_json("js", "a STRUCT<b: ARRAY<INT>>")|F.from_json("js", "z DECIMAL(5,2)")|F.from_json("js", "x STRING, a STRING")|F.from_json("js", "day DATE")|F.from_json("js", "day TIMESTAMP")|F.from_json("js", "ok BOOLEAN, y BOOLEAN")|F.from_json("js", "x FLOAT, z FLOAT")|F.from_json("js", "x TINYINT")|F.from_json("js", "X INT")
F.from_unixtime("id")|F.from_unixtime(F.lit(-1))|F.from_unixtime(F.lit(1700000000), "yyyy/MM/dd")|F.from_unixtime("i")
F.from_utc_timestamp("ts", "Europe/Berlin")|F.from_utc_timestamp("ts", "America/New_York")|F.to_utc_timestamp("ts", "Europe/Berlin")|F.to_utc_timestamp("ts", "America/New_York")|F.from_utc_timestamp("ts", "+05:30")|F.to_utc_timestamp("ts", "Asia/Kolkata")|F.from_utc_timestamp("ts", "UTC")|F.to_utc_timestamp("ts", "-02:00")|F.from_utc_timestamp("day", "Asia/Tokyo")|F.from_utc_timestamp("ts", "PST")
F.get("xs", 0)|F.get("xs", 9)|F.get("xs", -1)|F.get("xs", "id")|F.get("xs", F.col("id"))|F.get("xs", F.col("b"))|F.get("ws", 1)
F.get_json_object("js", "$.x")|F.get_json_object("js", "$.a")|F.get_json_object("js", "$.a.b")|F.get_json_object("js", "$.a.b[1]")|F.get_json_object("js", "$.y")|F.get_json_object("js", "$.z")|F.get_json_object("js", "$['x']")|F.get_json_object("js", "$.nope")|F.get_json_object("js", "$.y.k[1]")|F.get_json_object("js", "$")|F.get_json_object("js", "$[1]")|F.get_json_object("js", "$.ok")|F.get_json_object("js", "$.y.k[1].z")|F.get_json_object(F.lit('{"a":  1.0, "b": [1,  2]}'), "$.a")|F.get_json_object(F.lit('{"a":  1.0, "b": [1,  2.50]}'), "$.b")|F.get_json_object(F.lit('{"a b": 1}'), "$['a b']")
F.greatest("i", "b")|F.greatest("d", F.lit(0.0))|F.greatest("s", "u")|F.greatest("p", "q")|F.greatest("i", "l", "d")|F.greatest("day", "ts")|F.least("i", "b")|F.least("d", F.lit(0.0))|F.least("s", "u")|F.least("p", "q")|F.least("i", "l", "d")
F.hex("l")|F.hex("i")|F.hex("s")|F.hex("raw")|F.hex("b")
F.ifnull("i", F.lit(-1))|F.ifnull("s", "n")|F.nvl("s", F.lit("none"))|F.nvl("i", "d")|F.nvl2("s", "i", "l")|F.nvl2("i", F.lit("a"), F.lit("b"))|F.nvl2("i", "p", "q")|F.nullif("i", F.lit(7))|F.nullif("s", F.lit(""))|F.nullif("i", "l")|F.nullif("d", F.lit(float("nan")))|F.nanvl("d", F.lit(0.0))|F.nanvl("f", "f")|F.nanvl("f", F.lit(1.0))|F.nanvl("d", "i")
F.initcap("s")|F.initcap("u")|F.initcap(F.lit("a-b c_d e.f\tg\nh  i"))|F.initcap(F.lit("ÉCOLE ǆungla ßa"))
F.instr("s", "o")|F.instr("s", "")|F.instr("s", "€")|F.instr("s", F.col("u"))|F.locate("o", "s")|F.locate("", "s")|F.locate("a", "s", 2)|F.locate("a", "s", 0)
F.isnan("d")|F.isnan("f")|F.isnan("i")|F.isnull("i")|F.isnull("xs")|F.isnotnull("i")|F.isnotnull("st")
F.left("s", F.lit(3))|F.left("s", F.lit(-1))|F.left("s", "b")|F.right("s", F.lit(3))|F.right("s", F.lit(0))|F.right("s", F.lit(-2))|F.right("s", "b")|F.left("i", F.lit(2))
F.length("s")|F.length("raw")|F.length("i")|F.length(F.lit("a "))
F.lit(1)|F.lit(2147483648)|F.lit(2.5)|F.lit("x")|F.lit("it's \\ n")|F.lit(True)|F.lit(b"\x00\xff")|F.lit(Decimal("1.50"))|F.lit(Decimal("0.05"))|F.lit(Decimal("-123.456"))|F.lit(Decimal("1E+3"))|F.lit(Decimal("0"))|F.lit(dt.date(2024, 2, 29))|F.lit(dt.datetime(2024, 2, 29, 1, 2, 3, 4))|F.lit(None).cast("int")|F.lit(float("nan"))|F.lit(float("-inf"))|F.lit(1e-300)|F.lit("")|F.lit(F.col("i"))|F.lit([1, 2])|F.lit(["a"])|F.lit(-5)|F.lit(-0.0)
F.lower("s")|F.upper("s")|F.upper("u")|F.lower(F.lit("İIıßΣΑΣ"))|F.upper(F.lit("ıßŉﬁσ"))|F.upper(F.lit("ǰΐᾳև ẗ"))|F.lower(F.lit("ὈΔΥΣΣΕΎΣ. ΑΣ'Α Σ"))|F.lower("i")
F.lpad("s", 8, "*")|F.lpad("s", 3, "")|F.lpad("s", 0, "*")|F.lpad("s", 14, "ab")|F.rpad("s", 8, "*")|F.rpad("s", 14, "äb")|F.rpad("s", -1, "*")|F.lpad("i", 5, "0")|F.lpad("s", F.col("b"), F.col("u"))|F.rpad("s", F.lit(4), F.lit("-"))
F.make_date(F.lit(2024), F.lit(2), F.lit(29))|F.make_date(F.lit(2023), F.lit(2), F.lit(29))|F.make_date(F.lit(2024), "id", "id")|F.make_date(F.year("day"), F.month("day"), F.day("day"))
F.map_contains_key("m", "a")|F.map_contains_key("m", F.col("u"))|F.map_keys("m")|F.map_values("m")
F.md5("s")|F.md5("raw")|F.sha1("s")|F.sha1("raw")|F.sha2("s", 256)|F.sha2("raw", 0)|F.sha2("s", 512)|F.md5("i")
F.named_struct(F.lit("a"), "i", F.lit("b"), "s")|F.struct("i", "s")|F.struct(F.col("i").alias("a"), "st.x")|F.struct("*")|F.struct("st", F.col("i") + 1)|F.struct(["i", "s"])|F.struct(F.col("st.y"))|F.struct(F.lit(1), F.upper("s"))|F.struct("i", "p").getField("p")
F.negative("i")|F.negative("d")|F.negative("p")|F.negative("b")|F.negative("l")|F.negative("big")
F.pmod("i", F.lit(3))|F.pmod("l", F.lit(7))|F.pmod("d", F.lit(2.0))|F.pmod("p", "q")|F.pmod("i", F.lit(-3))|F.pmod("b", "h")|F.pmod("d", 3.0)|F.pmod(F.lit(-7), F.lit(3))
F.pow("d", 2.0)|F.pow("i", F.lit(2))|F.power("d", F.lit(0.5))|F.pow(2.0, "b")|F.power(F.lit(2), F.lit(10))|F.pow("p", "b")|F.pow(F.lit(-8.0), F.lit(1 / 3))|F.pow(F.lit(0.0), F.lit(-1.0))
F.regexp_extract("s", r"([a-z]+)", 1)|F.regexp_extract("s", r"(\w+) (\w+)", 2)|F.regexp_extract("s", "l+", 0)|F.regexp_extract("s", r"(x)?b", 1)|F.regexp_extract("s", r"(\d+)", 1)|F.regexp_extract("s", r"(\p{L}+)", 1)
F.regexp_like("s", F.lit("^H"))|F.regexp_like("s", F.lit("(?i)hello"))|F.rlike("s", F.lit("[a-c]$"))|F.rlike("s", F.lit("^$"))|F.rlike("s", F.lit(r"\bW"))|F.rlike("s", F.lit("^.{7}$"))|F.rlike("s", F.lit(r"\s"))|F.rlike("s", F.lit(r"^[\w\s]+$"))|F.rlike("s", F.lit("X\|ö"))|F.rlike(F.lit("a\nb"), F.lit("a.b"))|F.rlike(F.lit("a\nb"), F.lit("^b"))|F.rlike(F.lit("a\n"), F.lit("a$"))|F.rlike(F.lit("a\r\n"), F.lit("(?s)a.?$"))|F.rlike(F.lit("a\x0b"), F.lit("^a[\\sx]$"))|F.rlike("s", F.lit("[^a-z\\s]{3,}"))|F.rlike("s", F.lit("^\\S+$"))|F.rlike("u", F.lit("^\\p{Lu}\|\u00fc$"))
F.regexp_replace("s", "[aeiou]", "*")|F.regexp_replace("s", "[a-c]$", "!")|F.regexp_replace("s", "(?<first>[a-z])", "<$1>")|F.regexp_replace("s", "l", "\\\\")|F.regexp_replace("s", "(l+)", "<$1>")|F.regexp_replace("s", r"\.", "\\$")|F.regexp_replace("s", "", "-")|F.regexp_replace("s", "X*", "_")|F.regexp_replace("s", r"(\w)(\w)", "$2$1")|F.regexp_replace("s", "a", F.lit("b"))|F.regexp_replace("s", F.lit("[A-Z]"), F.lit(""))
F.repeat("s", 2)|F.repeat("s", 0)|F.repeat("s", -1)|F.repeat("u", F.col("id"))|F.repeat("u", F.lit(3))
F.replace("s", F.lit("o"))|F.replace("s", F.lit("o"), F.lit("0"))|F.replace("s", F.lit(""), F.lit("x"))|F.replace("s", "u", F.lit("<>"))|F.replace("s", "u")
F.reverse("s")|F.reverse("xs")|F.reverse("ws")|F.reverse("i")|F.reverse(F.lit("e\u0301x"))
F.round("d")|F.round("d", 2)|F.round("p")|F.round("p", 1)|F.round("q", 1)|F.round("q", 2)|F.round("i")|F.round("i", -1)|F.round("f", 1)|F.round("f", 2)|F.round("big")|F.round("big", 4)|F.round("l", -3)|F.round("b", -1)|F.round(F.lit(2.5))|F.round(F.lit(-2.5))|F.round(F.lit(0.5))|F.round(F.lit(1.005), 2)|F.round("d", -1)|F.round("p", -1)|F.round(F.lit(123456789012345.678), 2)|F.round(F.lit(1e20), 2)|F.round(F.lit(-0.001), 1)|F.round("d", 10)|F.round(F.lit(1234567.8912345678), 9)
F.sign("i")|F.sign("d")|F.signum("p")|F.signum("d")|F.sign("l")|F.sign(F.lit(-0.0))
F.size("xs")|F.size("m")|F.size("xx")|F.slice("xs", 2, 2)|F.slice("xs", 1, 0)|F.slice("ws", 1, 1)|F.slice("xs", F.lit(1), F.lit(2))|F.slice("xs", -2, 2)|F.slice("xs", "id", F.lit(2))
F.sort_array("xs")|F.sort_array("ws")|F.sort_array("ds")|F.sort_array("xs", False)|F.sort_array("ws", asc=False)|F.sort_array("xx")
F.split("s", " ")|F.split("s", "[.\|]")|F.split("s", "o")|F.split("u", ",")|F.split("s", "")|F.split("s", "X", 2)|F.split("s", r"\s+")|F.split("s", "a")|F.split("s", "d$")
F.split_part("s", F.lit("."), F.lit(2))|F.split_part("s", F.lit("."), F.lit(-1))|F.split_part("s", F.lit("zz"), F.lit(1))|F.split_part("s", F.lit(""), F.lit(1))|F.split_part("s", F.lit("."), F.lit(9))|F.split_part("s", F.lit("."), F.lit(0))|F.split_part("s", "u", F.lit(1))|F.split_part("s", F.lit(""), F.lit(2))|F.split_part("s", F.lit(" "), "id")
F.substring("s", 1, 3)|F.substring("s", 0, 3)|F.substring("s", -3, 2)|F.substring("s", -20, 12)|F.substring("s", 3, -1)|F.substring("s", 2, 100)|F.substring("s", "b", "id")|F.substring("s", F.lit(2), F.lit(2))|F.substring("raw", 1, 1)|F.substring("s", 2147483647, 2147483647)|F.substring("s", 2, 2147483647)|F.substring("s", -2147483648, 2)|F.substring("i", 1, 2)
F.substring_index("s", ".", 1)|F.substring_index("s", ".", 2)|F.substring_index("s", ".", -1)|F.substring_index("s", ".", -2)|F.substring_index("s", "o", 5)|F.substring_index("s", ".", 0)|F.substring_index("s", "", 1)|F.substring_index("s", "aa", 1)|F.substring_index("s", "aa", -1)|F.substring_index("s", "o", -9)
F.timestamp_seconds("b")|F.timestamp_seconds("i")|F.timestamp_seconds("d")|F.timestamp_seconds("p")|F.timestamp_seconds(F.lit(1.5))|F.timestamp_seconds(F.lit(-1.0000015))|F.timestamp_millis("i")|F.timestamp_micros("i")|F.timestamp_millis("b")|F.timestamp_micros(F.lit(-1))|F.timestamp_millis(F.lit(-1))|F.timestamp_seconds("q")
F.to_date("t")|F.to_date("t", "yyyy-MM-dd")|F.to_date("ts")|F.to_date("day")|F.to_date(F.lit("03/04/2024"), "dd/MM/yyyy")|F.to_date(F.lit("2024-02-30"), "yyyy-MM-dd")|F.to_date(F.lit("x"))|F.to_date(F.lit("20240102"), "yyyyMMdd")|F.to_date("ts", "yyyy-MM-dd")|F.to_date(F.lit("5-2-24"), "d-M-yy")
F.to_timestamp("t")|F.to_timestamp("t", "yyyy-MM-dd")|F.to_timestamp("ts")|F.to_timestamp("day")|F.to_timestamp(F.lit("2024-01-02 03:04:05.678"), "yyyy-MM-dd HH:mm:ss.SSS")|F.to_timestamp(F.lit("01/02/2024 11:30 PM"), "MM/dd/yyyy hh:mm a")|F.to_timestamp(F.lit("01/02/2024 12:30 am"), "MM/dd/yyyy hh:mm a")|F.to_timestamp(F.lit("02 Jan 2024"), "dd MMM yyyy")|F.to_timestamp(F.lit("Tuesday 02 January 2024"), "EEEE dd MMMM yyyy")|F.to_timestamp(F.lit("2024-060"), "yyyy-DDD")|F.to_timestamp(F.lit("2024-01-02 25:00"), "yyyy-MM-dd HH:mm")|F.to_timestamp(F.lit("2024-01-02T03:04:05Z"))|F.to_timestamp(F.lit("2024-01-02 03:04:05+02:00"))|F.to_timestamp(F.lit("2024-01-02T03"), "yyyy-MM-dd'T'HH")|F.to_timestamp(F.lit("10:11"), "HH:mm")
F.try_to_timestamp("t")|F.try_to_timestamp("s")|F.try_to_timestamp("s", F.lit("yyyy-MM-dd"))|F.try_to_timestamp(F.lit("2024-1-2"), F.lit("yyyy-MM-dd"))|F.try_to_timestamp(F.lit("2024-1-2"), F.lit("yyyy-M-d"))|F.try_to_timestamp("t", F.lit("yyyy-MM-dd"))|F.try_to_timestamp(F.lit("2024-02-30"), F.lit("yyyy-MM-dd"))|F.try_to_timestamp("ts")
F.translate("s", "lo", "x")|F.translate("s", "", "x")|F.translate("s", "oHo", "123")|F.translate("s", "ä€", "ae")|F.translate("s", "abc", "")
F.trunc("day", "MM")|F.trunc("day", "year")|F.trunc("day", "week")|F.trunc("day", "quarter")|F.trunc("ts", "month")|F.trunc("t", "yy")
F.unix_micros("ts")|F.unix_millis("ts")|F.unix_seconds("ts")|F.unix_timestamp("ts")|F.unix_timestamp("day")|F.unix_timestamp("t", "yyyy-MM-dd")|F.unix_timestamp(F.lit("2024-01-02 03:04:05"))|F.unix_timestamp(F.lit("1969-12-31 23:59:59"))|F.unix_timestamp(F.lit("x"))|F.unix_seconds("day")|F.unix_micros("day")
F.url_encode("s")|F.url_encode(F.lit("a b&c=d/é~*'()!-_.+%"))
F.when(F.col("i") > 5, "big").when(F.col("i") > 0, "small").otherwise("neg")|F.when(F.col("i") > 5, 1)|F.when(F.col("ok"), F.col("i")).otherwise(F.col("d"))|F.when(F.col("i").isNull(), F.lit(0)).otherwise(F.col("i"))|F.when(F.col("i") > 0, F.when(F.col("i") > 5, "a").otherwise("b")).otherwise(None)|F.when(F.col("ok"), F.col("p")).otherwise(F.col("q"))|F.when(F.col("ok"), 1).otherwise(2.5)|F.when(F.col("ok"), F.col("day")).otherwise(F.col("ts"))|F.when(F.col("ok"), F.col("s")).otherwise(F.col("i"))|F.when(F.col("ok"), F.array("i")).otherwise(F.array("l"))
F.col("i") + 1|F.col("i") + F.col("l")|1 + F.col("b")|F.col("b") + F.col("b")|F.col("h") - F.col("b")|10 - F.col("i")|F.col("l") * 2|2 * F.col("d")|F.col("p") * F.col("q")|F.col("p") + F.col("q")|F.col("p") - F.col("q")|F.col("p") / F.col("q")|F.col("p") + 1|F.col("p") + 1.5|F.col("p") * Decimal("1.10")|F.col("big") + 0|F.col("big") * 2|F.col("big") / 3|F.col("big") - F.col("p")|F.col("i") / 2|1 / F.col("i")|F.col("i") / F.col("b")|F.col("d") / 0|F.col("i") % 3|7 % F.col("i")|F.col("d") % 2|F.col("p") % F.col("q")|F.col("f") + F.col("d")|F.col("f") * 2|F.col("f") + F.col("i")|-F.col("i")|-F.col("p")|-F.col("d")|F.col("n") + 1|F.col("day") - F.col("day")|F.col("ts") - F.col("ts")|F.col("f") * F.col("f")|F.col("f") / F.col("f")|F.col("d") + F.col("d")|F.col("l") + F.col("l")|F.col("big") % 7|F.col("q") / F.col("i")|F.col("q") / 3|F.col("p") * F.col("i")
F.col("i") == 7|F.col("i") != 7|F.col("i") < F.col("l")|F.col("i") <= 7|F.col("i") > 1.5|F.col("i") >= 7|F.col("d") == F.col("d")|F.col("d") > 1|F.col("f") == 0.1|F.col("d") < float("nan")|F.col("s") == F.col("u")|F.col("s") < "b"|F.col("day") < F.col("ts")|F.col("day") == "2024-02-29"|F.col("ts") > "2000-01-01"|F.col("ok") == True|F.col("p") == Decimal("2.50")|F.col("p") > F.col("q")|F.col("i") == "7"|F.col("xs") == F.array(F.lit(1))|F.col("xs") < F.col("xs")|F.col("st") == F.col("st")|F.col("raw") == F.col("raw")|F.col("n") > 1|F.col("day") == dt.date(1970, 1, 1)|F.col("ts") == dt.datetime(1970, 1, 1)|F.col("s") > F.col("s")|F.lit(0.0) == F.lit(-0.0)|F.col("raw") < F.lit(b"i")
F.col("i").eqNullSafe(7)|F.col("i").eqNullSafe(None)|F.col("s").eqNullSafe(F.col("u"))|F.col("d").eqNullSafe(float("nan"))|F.col("ok") & (F.col("i") > 0)|F.col("ok") \| (F.col("i") > 0)|~F.col("ok")|(F.col("i") > 0) & True|False \| F.col("ok")|True & F.col("ok")|(F.col("i") > 0) \| None|F.col("ok") & F.lit(None).cast("boolean")
F.col("i").isNull()|F.col("i").isNotNull()|F.col("i").isin(1, 7)|F.col("i").isin([1, 7])|F.col("s").isin("", "x")|F.col("i").isin(1, None)|F.col("i").isin([])|F.col("i").isin(F.col("b"), 7)|~F.col("i").isin(1, 7)|F.col("p").isin(Decimal("2.50"), 1)|F.col("i").isin({7})|F.col("d").isin(2.5, float("nan"))|F.col("i").isin(1.0, 7)|F.col("i").between(1, 100)|F.col("i").between(F.col("b"), F.col("l"))|F.col("day").between("2000-01-01", "2024-12-31")
F.col("s").like("%o%")|F.col("s").like("_ö%")|F.col("s").like("")|F.col("s").like("a.b%")|F.col("s").ilike("%WORLD")|F.col("s").ilike("äÖ%")|F.col("s").rlike("[A-Z]")|F.col("s").rlike("^a.b")|F.col("i").like("1%")|F.lit("a%b").like("a\\%b")|F.lit("a\\b").like("a\\\\b")|F.lit("a\nb").like("a_b")|F.lit("ab").like("a\\b")
F.col("s").startswith("H")|F.col("s").startswith(F.col("u"))|F.col("s").endswith("d")|F.col("s").endswith(F.col("u"))|F.col("s").contains("o")|F.col("s").contains(F.col("u"))|F.col("i").contains("7")|F.col("s").substr(1, 3)|F.col("s").substr(F.lit(-3), F.lit(2))|F.col("s").substr(F.col("id"), F.col("id"))|F.col("s").substr(0, 2)
F.col("i").alias("x")|F.col("i").name("x")|F.col("i").alias("x").cast("string")|F.col("i").cast("string")|F.col("i").astype("bigint")|F.col("s").try_cast("int")|F.col("n").try_cast("int")|F.col("d").try_cast("int")|F.col("d").cast("decimal(20,4)")|F.col("i").cast("decimal(10,0)")|F.col("i").cast("decimal(4,1)")|F.col("i").try_cast("decimal(4,1)")|F.col("xs").cast("array<string>")|F.col("st").cast("struct<a: bigint, b: string>")|F.col("xs").cast("array<bigint>")|F.col("m").cast("map<string,bigint>")|F.col("xs").cast("string")|F.col("st").cast("string")|F.col("m").cast("string")
F.col("st").getField("x")|F.col("st").getField("y")|F.col("st")["x"]|F.col("st").x|F.col("xs").getItem(0)|F.col("xs")[0]|F.col("xs")[F.lit(0)]|F.col("m").getItem("a")|F.col("m")["a"]|F.col("m").getItem(F.col("u"))|F.get("xx", 0)[0]|F.col("xs").getItem(5)|F.col("s")[1:3]|F.col("s")[0:2]|F.col("xs")[-1]|F.col("m").a
F.expr("left(s, st.x)")|F.expr("right(s, st.x)")|F.expr("lpad(s, st.x, '*')")|F.expr("rpad(s, st.x, '*')")|F.expr("lpad(s, st.x)")|F.expr("rpad(s, cast(null as int))")|F.expr("lpad(s, -2, '')")|F.expr("rpad(s, -2, '')")|F.expr("space(st.x)")|F.expr("substring(s, st.x, 2)")|F.expr("substring(s, 1, st.x)")|F.expr("substring('Hello', st.x)")
F.expr("substr(s, cast(null as int))")|F.expr("substring_index(s, '.', st.x)")|F.expr("repeat(s, st.x)")|F.expr("split_part(s, '.', cast(null as int))")|F.expr("translate(s, cast(null as string), 'a')")|F.expr("replace(s, 'o', cast(null as string))")|F.expr("trim(cast(null as string), s)")|F.expr("element_at(xs, cast(null as int))")|F.expr("get(xs, st.x)")|F.expr("slice(xs, cast(null as int), 1)")|F.expr("slice(xs, 1, cast(null as int))")|F.expr("array_join(ws, cast(null as string))")
F.expr("pow(d, st.x)")|F.expr("date_add(day, st.x)")|F.expr("add_months(day, st.x)")|F.expr("make_date(2024, st.x, 1)")|F.expr("chr(st.x)")|F.expr("greatest(i, st.x)")|F.expr("least(st.x, i)")|F.expr("nullif(i, st.x)")|F.expr("if(st.x > 1, i, b)")|F.expr("s not like cast(null as string)")|F.expr("p / cast(st.x as decimal(4,1))")|F.expr("i = b is null")
F.expr("i = 7 is not null")|F.expr("i > 1 is null")|F.expr("i <=> b is null")|F.expr("4 \| 1 & 2")|F.expr("4 ^ 1 & 2")|F.expr("1 \| 2 ^ 3")|F.expr("i \| b & 4")|F.expr("'1' \|\| 1 + 2")|F.expr("i + 1 \|\| 'x'")|F.expr("u \|\| i \|\| 1 + 1")|F.expr("-i % 3")|F.expr("~b & 3")
F.expr("not i = 7 and ok")|F.expr("not i in (1, 7)")|F.expr("not ok is null")|F.expr("!ok and ok")|F.expr("i = 1 in (true)")|F.expr("i > 1 in (true, null)")|F.expr("i < 5 = ok")|F.expr("ok = i < 5")|F.expr("ok <> i > 5")|F.expr("i between 1 and 5 + 5")|F.expr("i not between 1 and 10 or ok")|F.expr("s \|\| u like '%o'")
F.expr("s not like '%' \|\| u")|F.expr("s is null = ok")|F.expr("case when i = b is null then 1 else 2 end")|F.expr("filter(xs, x -> x > 1 is null)")|F.expr("exists(xs, x -> x = 5 is not null)")|F.expr("i = b between false and true")|F.expr("d > 1 is not true")|F.expr("7 - 3 - 2")|F.expr("i & 4 = 4")|F.expr("i ^ 1 <> 2")|F.expr("not i not in (1, 7)")|F.expr("not s not like '%o%'")
F.expr("i + 1 is null or not ok")|F.expr("round(10, 0) / p")|F.expr("(3) / p")|F.expr("-(3) / p")|F.expr("3L / p")|F.expr("round(3) * p")|F.expr("coalesce(3, 4) / p")|F.expr("positive(3) / p")|F.expr("round(p, 3)")|F.expr("round(q, 5) * 2")|F.expr("round(p, 2) / 3")|F.expr("array(1, null) < array(1, 2)")
F.expr("array(cast(null as int)) < array(1)")|F.expr("array(1, null) = array(1, null)")|F.expr("array(1) < array(1, null)")|F.expr("xs <= array(5)")|F.expr("xs > array(null, 4)")|F.expr("xx < array(array(1, null))")|F.expr("struct(cast(null as int) as a, 1 as b) < struct(1 as a, 1 as b)")|F.expr("st < named_struct('x', 5, 'Y', u)")|F.expr("xs between array(1) and array(9)")|F.expr("xs in (array(null, 5))")|F.expr("not xs < array(null, 5)")|F.expr("nullif(xs, array(null, 5))")
F.expr("ws >= array('a', null)")|F.expr("xs <=> array(null, 5)")|F.expr("greatest(xs, array(5))")|F.expr("least(xs, array(null, 7))")|F.expr("array_max(xx)")|F.expr("array_min(xx)")|F.expr("sort_array(xx)")|F.expr("sort_array(xx, false)")|F.expr("greatest(st, st)")
"""

#: One chain a line; each gives a frame.
FRAMES = r"""
s.select("id", "i")|s.select(["id", "s"])|s.select("*")|s.select(s.id, s["i"], F.col("st.x"))|s.select("id", "st.y")|s.select("st.*")|s.select("id", (F.col("i").cast("bigint") * 2).alias("double"), F.lit(1).alias("one"))|s.select("ID", s["I"])|s.select("id", F.upper("s").alias("S2"))|s.select(F.col("*"), F.lit(1).alias("one"))|s.select("id", F.col("m")["a"].alias("a"))
s.selectExpr("id", "i * 2L AS double")|s.selectExpr("*", "upper(s) AS big_s")|s.selectExpr("st.x", "get(xs, 0) IS NULL AS e")|s.selectExpr(["id", "l"])|s.selectExpr("id AS `a b`", "st.Y")
s.filter(F.col("i") > 0).select("id")|s.filter("i > 0 AND ok").select("id")|s.where(s.ok).select("id")|s.where("s LIKE '%o%'").select("id", "s")|s.filter(F.col("ok") \| F.col("i").isNull()).select("id")|s.filter(s.d > 1).select("id")|s.filter(~F.col("ok")).select("id")|s.filter("ok OR NULL").select("id")|s.filter(F.isnan("d")).select("id", "d")
s.select("id", "i").withColumn("j", F.col("i") + F.lit(1).cast("bigint"))|s.select("id", "i").withColumn("I", F.lit("x"))|s.select("id", "i").withColumns({"i": F.col("id"), "k": F.col("i")})|s.select("id", "i").withColumns({"a": F.lit(1), "b": F.lit(2)})|s.select("id", "st").withColumn("st", F.col("st.x"))|s.select("id", "i").withColumn("a b", F.lit(1)).select("`a b`", "id")
s.select("id", "i").withColumnRenamed("i", "j")|s.select("id", "i").withColumnRenamed("nope", "j")|s.select("id", "i").withColumnRenamed("I", "J")|s.select("id", "i").withColumnsRenamed({"i": "id", "id": "i"})|s.select("id", "i").withColumnsRenamed({"id": "x", "i": "y"})|s.select("id", "i").withColumnRenamed("i", "id")
s.select("id", "i", "l").drop("i")|s.select("id", "i", "l").drop("i", "L")|s.select("id", "i").drop("nope")|s.select("id", "i").drop(F.col("i"))|s.select("id", "st").drop("st.x")
s.alias("a").select("a.id", F.col("a.st.x"))|s.alias("a").filter("a.i > 0").select("id")|s.alias("a").select("a.*").select("id", "s")
s.select("id", "s").join(r, "id")|s.select("id", "s").join(r, ["id"], "left")|s.select("id", "s").join(r, "id", "left_semi")|s.select("id", "s").join(r, "id", "leftanti")|s.select("id", "s").join(r, s.id == r.id)|s.select("id", "s").join(r, s.id == r.id, "left").select("s", "kind")|s.select("id", "s").join(r, s.id == r.id, "left").drop(r.id)|s.select("id", "s").join(r, [s.id == r.id, r.kind != "uno"], "inner").select(s.id, "kind")|s.select("id", "s").alias("a").join(r.alias("b"), F.col("a.id") == F.col("b.id"), "left_outer").select("a.id", "b.amount")|r.join(s.select("id", "s"), "id", "right")|s.select("id", "s").join(r, "id", "semi")|s.select("id", "s").join(r, s.id.eqNullSafe(r.id), "anti")|s.select(F.col("id").alias("ID"), "s").join(r, "id")
"""

#: Values of each simple type, each as Spark SQL; every pair of types is cast.
EDGES = {
    "boolean": "true; false",
    "tinyint": "0Y; 127Y; -128Y; 1Y",
    "smallint": "300S; -32768S; 127S",
    "int": "0; 1; 2147483647; -2147483648; 128; -5",
    "bigint": "0L; 9223372036854775807L; -9223372036854775808L; 2147483648L; 1700000000L; 9007199254740993L; -1L",
    "float": "0F; 1.5F; -1.5F; float('3.4028235E38'); 16777216F; 0.1F; 1E-10F; float('NaN'); float('-Infinity'); 4294967296F; 1e7F; 123456.789F; float('-0.0')",
    "double": "0D; 1.5D; -0.5D; 1e20D; 9.223372036854775807E18D; 0.1D; 1e-10D; double('NaN'); double('Infinity'); 1e308D; 123456789.987654321D; 2.675D; 127.9D; -128.9D; double('-0.0'); 1e7D; 0.001D; 1e21D; 12345678901234567D",
    "decimal(10,2)": "0.00; 35.99; -0.05; 99999999.99; -128.99; 127.50; 1.00",
    "decimal(38,18)": "12345678901234567890.123456789012345678; -0.000000000000000001; 0.5; 9223372036854.999999; 1e-7BD",
    "string": "''; ' '; 'abc'; '1'; ' 7 '; '+7'; '-0'; '1.5'; '1e3'; '.5'; '5.'; '1d'; '1L'; '0x1F'; 'NaN'; 'nan'; 'inf'; '-Infinity'; 'INF'; '+inf'; 'infinityx'; 'true'; 'T'; 'yes'; 'n'; '0'; 'on'; '2024'; '2024-1'; '2024-01-02'; '2024-1-2'; '2024-02-30'; '2024-13-01'; '0002-01-01'; '10000-01-01'; '+2024-01-01'; '2024-01-02 03:04:05'; '2024-01-02T03:04:05Z'; '2024-01-02 03:04:05.123456789'; '2024-01-02 03:04'; '2024-01-02 03'; '2024-01-02T'; '2024-01-02 3:4:5'; '2024-01-02 24:00:00'; '2024-01-02 03:04:05+02:00'; '2024-01-02 03:04:05 UTC'; '2024-01-02 03:04:05 Europe/Berlin'; '2024-01-02 03:04:05+2'; '2024-01-02 03:04:05-0230'; '2024-01-02 junk'; '2024-01-02junk'; '20240102'; '127'; '128'; '-129'; '99999999999'; '9223372036854775808'; '1e400'; '1e-400'; '0.005'; '0.004'; '99999999.995'; '12345678901234567890.1234567890123456789'; '1 2'; '1_000'; '1,5'; '\\t7\\n'; 'é'; '1e'; 'e3'; '--1'; 'now'; 'today'; 'epoch'",
    "binary": "X''; X'31'; X'C3A4'",
    "date": "date'1970-01-01'; date'2024-02-29'; date'1582-10-15'; date'0002-01-01'; date'9999-12-31'; date'1900-03-01'",
    "timestamp": "timestamp'1970-01-01 00:00:00'; timestamp'1969-12-31 23:59:59.5'; timestamp'2024-03-31 01:30:00.123456'; timestamp'2038-01-19 03:14:08'; timestamp'1900-01-01 00:00:00.000001'; timestamp'9999-12-31 23:59:59.999999'; timestamp'2024-10-27 10:00:00.120000'; timestamp'1582-10-14 00:00:00'",
    "timestamp_ntz": "timestamp_ntz'1970-01-01 00:00:00'; timestamp_ntz'2024-03-31 02:30:00.5'; timestamp_ntz'9999-12-31 23:59:59.999999'",
}  # fmt: skip


def lines(text: str) -> list[str]:
    """Give the calls of a list; a bar that is an operator is written with a backslash."""
    calls = text.strip().replace(r"\|", "\0").replace("\n", "|").split("|")
    return [each.replace("\0", "|").strip() for each in calls if each.strip()]
