"""Where things are: paths and URIs as the user writes them, resolved when a run starts."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import unquote

import msgspec

from lakestream.errors import ConfigError, EnvironmentNotSetError
from lakestream.lazy_pattern import lazy_pattern

_SINGLE_SLASH: Final = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")
_SCHEME: Final = lazy_pattern(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_USER_INFO: Final = lazy_pattern(r"(?<=://)[^/@]*@")
#: A container before its account, which looks like a user before a host and is no secret.
_CONTAINER: Final = lazy_pattern(r"abfss?://[a-z0-9$-]+@", re.IGNORECASE)
#: Hosts of storage accounts and of OneLake, as object_store knows them.
_ACCOUNT: Final = lazy_pattern(
    r"([a-z0-9-]+)\.(?:dfs|blob)\.(core\.windows\.net|fabric\.microsoft\.com)", re.IGNORECASE
)
_VARIABLE: Final = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
#: Other spellings of a scheme, as object_store has them.
_SAME: Final = {
    "s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "adl": "az", "abfs": "abfss",
}  # fmt: skip
#: What obstore speaks: landing places, checkpoints and (but for memory) tables.
OBJECT_SCHEMES: Final = frozenset({"s3", "gs", "az", "abfss", "memory"})


class EnvPath(msgspec.Struct, frozen=True):
    """A path or value below an environment variable, resolved when a run starts.

    Args:
        name: The environment variable.
        parts: What follows it, joined with ``/``.
    """

    name: str
    parts: tuple[str, ...] = ()

    def __truediv__(self, other: str) -> EnvPath:
        """Give a path below this one."""
        return EnvPath(self.name, (*self.parts, *(part for part in other.split("/") if part)))

    def __str__(self) -> str:
        """Give the name, never the value."""
        return self.display

    @property
    def display(self) -> str:
        """The path with the variable's name in place of its value: ``$LAKE/bronze/orders``."""
        return "/".join((f"${self.name}", *self.parts))


PathLike = str | os.PathLike[str] | EnvPath


def env(name: str) -> EnvPath:
    """Stand for an environment variable where a path or a storage option goes.

    ``ls.env("LAKE") / "bronze/orders"`` is resolved when a run starts and shown by name only.

    Raises:
        ConfigError: ``name`` cannot be a variable's name.
    """
    if not _VARIABLE.fullmatch(name):
        raise ConfigError(
            f"not the name of an environment variable: {name!r}",
            fix='write ls.env("LAKE") / "bronze/orders"',
        )
    return EnvPath(name)


def resolve(path: PathLike) -> str:
    """Give the path as text, with the environment's values in it.

    Raises:
        EnvironmentNotSetError: A variable is not set, or is empty.
    """
    if not isinstance(path, EnvPath):
        return os.fspath(path)
    value = os.environ.get(path.name)
    if not value:
        raise EnvironmentNotSetError(
            f"environment variable {path.name} is not set",
            where=path.display,
            fix=f"set {path.name} where the run starts",
        )
    return "/".join((value.rstrip("/"), *path.parts)) if path.parts else value


def display(path: PathLike) -> str:
    """Give the path as it may be shown: variables by name, credentials in a URI as ``***``."""
    if isinstance(path, EnvPath):
        return path.display
    text = os.fspath(path)
    if not _SCHEME.fullmatch(text):
        return text
    shown = text if _CONTAINER.match(text) else _USER_INFO.sub("***@", text, count=1)
    whole, mark, _ = shown.partition("?")
    return whole + ("?***" if mark else "")


class Location(msgspec.Struct, frozen=True):
    """A resolved place.

    Args:
        uri: Canonical: an absolute path on the local disk, else a URI without trailing slash.
        scheme: ``file``, one of ``OBJECT_SCHEMES``, or any that fsspec knows.
    """

    uri: str
    scheme: str

    def __str__(self) -> str:
        """Give the URI without credentials."""
        return display(self.uri)

    @property
    def is_local(self) -> bool:
        """Whether this is on the local disk."""
        return self.scheme == "file"

    @property
    def local_path(self) -> str:
        """The absolute path on the local disk."""
        assert self.is_local, "only a local location has a path"  # noqa: S101
        return self.uri

    @property
    def bucket(self) -> str:
        """The bucket or container, or the name of a memory store."""
        return self._authority.partition("@")[0]

    @property
    def account(self) -> str | None:
        """The storage account, where the URI names one."""
        match = _ACCOUNT.fullmatch(self._authority.partition("@")[2])
        return None if match is None else match[1]

    @property
    def is_fabric(self) -> bool:
        """Whether this is in OneLake."""
        return self._authority.endswith(".fabric.microsoft.com")

    @property
    def _authority(self) -> str:
        return self.uri.partition("://")[2].partition("/")[0]

    @property
    def prefix(self) -> str:
        """The key below the bucket, without slashes at its ends."""
        return self.uri.partition("://")[2].partition("/")[2]

    def child(self, *parts: str) -> Location:
        """Give a place below this one.

        Raises:
            ConfigError: A part leads elsewhere (``..``) or is empty.
        """
        segments = [segment for part in parts for segment in part.split("/")]
        _refuse_odd_segments(segments, "/".join(parts))
        return Location("/".join((self.uri.rstrip("/"), *segments)), self.scheme)


def scheme_of(path: str | os.PathLike[str] | Location) -> str:
    """Give the canonical scheme of a path that stands for no variable, whether usable or not."""
    if isinstance(path, Location):
        return path.scheme
    match = _SCHEME.fullmatch(os.fspath(path))
    if match is None:
        return "file"
    scheme = _SAME.get(match[1].lower(), match[1].lower())
    return "az" if scheme == "abfss" else scheme


def parse_location(path: PathLike) -> Location:
    """Resolve a path and bring it to its canonical form.

    Raises:
        EnvironmentNotSetError: It stands below a variable that is not set.
        ConfigError: It is empty, holds credentials, or is no usable URI.
    """
    text = resolve(path)
    if not text.strip() or "\0" in text:
        raise ConfigError("a path is empty or no path at all", fix="give a folder or a URI")
    match = _SCHEME.fullmatch(text)
    if match is None:
        _refuse_single_slash(text, path)
        return Location(_absolute(text), "file")
    scheme = _SAME.get(match[1].lower(), match[1].lower())
    if scheme == "file":
        return Location(_local_of_uri(match[2], path), "file")
    if scheme not in OBJECT_SCHEMES:
        return Location(f"{scheme}://{match[2].rstrip('/')}", scheme)
    bucket, _, prefix = match[2].rstrip("/").partition("/")
    if scheme == "abfss":
        scheme, bucket = _azure(bucket, path)
    elif not bucket or "@" in bucket:
        raise ConfigError(
            "a URI needs a bucket, without credentials",
            where=display(path),
            fix=f"write {scheme}://bucket/folder; credentials go to storage_options",
        )
    segments = prefix.split("/") if prefix else []
    _refuse_odd_segments(segments, display(path))
    return Location("/".join((f"{scheme}://{bucket}", *segments)), scheme)


def _azure(authority: str, path: PathLike) -> tuple[str, str]:
    """Give the scheme and authority of an ``abfss://`` URI, with or without an account in it."""
    container, mark, host = authority.partition("@")
    account = _ACCOUNT.fullmatch(host)
    if container and not mark:
        return "az", container
    if _CONTAINER.match(f"abfss://{authority}") is None or account is None:
        raise ConfigError(
            "an abfss URI needs a container and an account of the public cloud",
            where=display(path),
            fix="write abfss://container@account.dfs.core.windows.net/folder; for another cloud "
            "az://container/folder with account_name and endpoint in storage_options",
        )
    return "abfss", f"{container}@{account[1]}.dfs.{account[2]}".lower()


def _refuse_single_slash(text: str, path: PathLike) -> None:
    """Refuse ``s3:/bucket`` and ``dbfs:/mnt``: as folders they would be empty for ever."""
    if match := _SINGLE_SLASH.match(text):
        raise ConfigError(
            f"{match[0]} is neither a URI nor a folder",
            where=display(path),
            fix=f"write {match[0]}/... for a URI, ./{match[0]}... for a folder of that name",
        )


def _absolute(text: str) -> str:
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - Path drops odd names


def _local_of_uri(rest: str, path: PathLike) -> str:
    host, slash, tail = rest.partition("/")
    if host not in {"", "localhost"} or not slash:
        raise ConfigError(
            "a file URI needs an absolute path",
            where=display(path),
            fix="write file:///folder or just /folder",
        )
    return _absolute("/" + unquote(tail, errors="surrogateescape"))


def _refuse_odd_segments(segments: list[str], where: str) -> None:
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ConfigError(
                f"a path has the segment {segment!r}", where=where, fix="write it without"
            )
