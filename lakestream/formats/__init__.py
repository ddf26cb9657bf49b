"""Bytes to Arrow, one module a format; schema inference, evolution and rescue beside them."""
