"""One dict of storage options for every layer: validated here, split for each library.

deltalake swallows names it does not know and obstore panics on some that stand in the wrong
place, so no option reaches a library unchecked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, TypeAlias

import msgspec

from lakestream.errors import ConfigError, UnknownOptionError
from lakestream.storage import option_names as names
from lakestream.storage.credentials import (
    asks_a_profile,
    asks_azure_identity,
    azure_token,
)
from lakestream.storage.location import (
    OBJECT_SCHEMES,
    EnvPath,
    Location,
    PathLike,
    resolve,
    scheme_of,
)
from lakestream.units import parse_duration

_TRUE: Final = frozenset({"true", "1", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "0", "no", "off", "n"})
_DURATIONS: Final = names.CLIENT_DURATIONS | {"retry_timeout", "init_backoff", "max_backoff"}
#: What object_store panics at, if it is no URL.
_URLS: Final = frozenset({"aws_endpoint", "endpoint", "google_base_url"})
#: A checkpoint request may repeat for at most this long.
_RETRY_TIMEOUT: Final = timedelta(seconds=60)

#: Places whose options are checked here; any other's go to fsspec.
_OURS: Final = OBJECT_SCHEMES | {"file"}


class Nested(msgspec.Struct, frozen=True):
    """A dict or list among the options, as JSON: a value that never changes."""

    text: bytes


OptionValue: TypeAlias = (
    str | int | float | bool | timedelta | EnvPath | Nested | Mapping[str, object] | list[object]
)
_Given: TypeAlias = str | int | float | bool | timedelta | EnvPath | Nested


class ObstoreOptions(msgspec.Struct, frozen=True):
    """The three places where obstore takes options; their repr shows no value."""

    config: Mapping[str, str]
    client_options: Mapping[str, str | bool | timedelta]
    retry_config: Mapping[str, object]

    def __repr__(self) -> str:
        """Give the names only."""
        shown = sorted({*self.config, *self.client_options, *self.retry_config})
        return f"ObstoreOptions({', '.join(shown)})"


class StorageOptions(msgspec.Struct, frozen=True):
    """Options by name, in lower case and sorted; equal options are equal and hash alike."""

    items: tuple[tuple[str, str | EnvPath], ...] = ()
    #: As given, where the path is one that fsspec reads, or is only known when a run starts.
    given: tuple[tuple[str, _Given], ...] = ()

    @classmethod
    def of(
        cls,
        mapping: Mapping[str, OptionValue] | None,
        *,
        where: str,
        path: PathLike | Location | None = None,
    ) -> StorageOptions:
        """Check the names and values of a user's dict.

        Args:
            mapping: object_store's names in any spelling it takes (``AWS_REGION``,
                ``aws_region``, ``region``), client options (``allow_http``, ``timeout``) and
                retry options (``max_retries``, ``retry_timeout``). Values may be ``ls.env``.
            where: What the options belong to, for messages.
            path: The place they are for. Where fsspec reads it, they go to fsspec as they are; a
                name of another cloud is refused. None allows the names of all clouds.

        Raises:
            UnknownOptionError: A name that the store does not know, with the near ones.
            ConfigError: A value of the wrong kind, one option given twice, or an option that
                gives up atomic commits.
        """
        if isinstance(path, EnvPath):
            return cls._of_variable(mapping or {}, where)
        scheme = "file" if path is None else scheme_of(path)
        if scheme not in _OURS:
            return cls(given=_given(mapping or {}, where))
        known = names.known_names(scheme)
        found: dict[str, str | EnvPath] = {}
        for name, value in (mapping or {}).items():
            lower = name.lower()
            if lower in names.UNSAFE:
                raise ConfigError(
                    f"{name} is refused: with it two writers overwrite each other's commits",
                    where=where,
                    fix="leave it out; S3 has conditional writes",
                )
            if lower not in known:
                raise UnknownOptionError.from_names(name, known, where=where)
            key = names.SHARED.get(lower, lower)
            if key in found:
                raise ConfigError(f"option {key} is given twice", where=where, fix="give it once")
            found[key] = _text(key, value, where)
        options = cls(tuple(sorted(found.items(), key=lambda item: item[0])))
        options._refuse_two_spellings(where)
        for table in names.BY_STORE.values():
            for name, text in options.items:
                if isinstance(text, str):
                    _check_url(table.get(name), text, where)
        return options

    @classmethod
    def _of_variable(cls, mapping: Mapping[str, OptionValue], where: str) -> StorageOptions:
        """Check what may be for any store, as far as that can be before a run starts."""
        given = _given(mapping, where)
        if not {name.lower() for name in mapping} <= names.known_names():
            return cls(given=given)
        return cls(cls.of(mapping, where=where).items, given)

    def at(self, location: Location) -> StorageOptions:
        """Give the options checked for a place.

        Raises:
            UnknownOptionError: A name that its store does not know.
            ConfigError: As ``of``.
        """
        if location.scheme not in _OURS:
            return self
        mapping: dict[str, OptionValue] = dict(self.given or self.items)
        return StorageOptions.of(mapping, where=f"storage_options of {location}", path=location)

    def __repr__(self) -> str:
        """Give the names; values may be secrets."""
        shown = dict(self.items) | dict(self.given)
        return f"StorageOptions({', '.join(f'{name}=***' for name in shown)})"

    def for_fsspec(self) -> dict[str, object]:
        """Give the options as they were given, for the filesystem of any other scheme.

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        return {name: _plain(value) for name, value in self.given}

    def for_deltalake(self, scheme: str) -> dict[str, str] | None:
        """Give deltalake's flat dict for a store, or None when there is nothing to say.

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        if scheme not in names.STORE_OF_SCHEME:
            return None
        found = self._of_store(scheme)
        if scheme == "s3" and asks_a_profile(found):
            # It has AWS's own chain, but takes an endpoint for one that is not AWS's.
            found["aws_force_credential_load"] = "true"
        if scheme in {"az", "abfss"} and asks_azure_identity(found):
            found["token"] = azure_token()
        for name, text in self._shared().items():
            key = f"backoff_config.{name}" if name in names.BACKOFF else name
            is_duration = name in _DURATIONS
            found[key] = _milliseconds(parse_duration(text, option=name)) if is_duration else text
        return found or None

    def for_obstore(self, scheme: str) -> ObstoreOptions:
        """Give obstore's three dicts for a store.

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        shared = self._shared()
        client: dict[str, str | bool | timedelta] = {}
        for name, text in shared.items():
            if name in names.CLIENT_FLAGS:
                client[name] = text.lower() in _TRUE
            elif name in names.CLIENT_DURATIONS:
                client[name] = parse_duration(text, option=name)
            elif name in names.CLIENT_TEXTS:
                client[name] = text
        return ObstoreOptions(self._of_store(scheme), client, _retry_config(shared))

    def for_s3fs(self) -> dict[str, object]:
        """Give the keyword arguments of ``s3fs.S3FileSystem``.

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        aws = self._of_store("s3")
        renamed = {
            "aws_access_key_id": "key",
            "aws_secret_access_key": "secret",
            "aws_session_token": "token",
        }
        found: dict[str, object] = {new: aws[old] for old, new in renamed.items() if old in aws}
        if aws.get("aws_skip_signature") in _TRUE:
            found["anon"] = True
        client = {
            "endpoint_url": aws.get("aws_endpoint"),
            "region_name": aws.get("aws_region") or aws.get("aws_default_region"),
        }
        found["client_kwargs"] = {name: value for name, value in client.items() if value}
        return found

    def for_boto3(self) -> dict[str, str]:
        """Give the keyword arguments of ``boto3.client`` that say who asks and where.

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        aws = self._of_store("s3")
        region = aws.get("aws_region") or aws.get("aws_default_region")
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return {name: aws[name] for name in names if name in aws} | (
            {"region_name": region} if region else {}
        )

    def for_azure(self) -> dict[str, str]:
        """Give Azure's options under their canonical names (``account_key``).

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        return self._of_store("az")

    def for_google(self) -> dict[str, str]:
        """Give Google's options under their canonical names (``google_service_account``).

        Raises:
            EnvironmentNotSetError: A value stands for a variable that is not set.
        """
        return self._of_store("gs")

    @property
    def allows_http(self) -> bool:
        """Whether ``allow_http`` is on: without it nothing is asked without TLS."""
        return dict(self.items).get("allow_http") in _TRUE

    def _of_store(self, scheme: str) -> dict[str, str]:
        table = names.BY_STORE.get(names.STORE_OF_SCHEME.get(scheme, ""), {})
        found = {table[name]: resolve(value) for name, value in self.items if name in table}
        for name, text in found.items():
            _check_url(name, text, "storage_options")
        return found

    def _shared(self) -> dict[str, str]:
        return {name: resolve(value) for name, value in self.items if name in names.SHARED}

    def _refuse_two_spellings(self, where: str) -> None:
        for table in names.BY_STORE.values():
            used = [table[name] for name, _ in self.items if name in table]
            twice = next((name for name in used if used.count(name) > 1), None)
            if twice is not None:
                raise ConfigError(
                    f"option {twice} is given twice, in two spellings",
                    where=where,
                    fix="give it once",
                )


def _given(mapping: Mapping[str, OptionValue], where: str) -> tuple[tuple[str, _Given], ...]:
    """Keep options as they are, in a form that can be compared and hashed."""
    found: list[tuple[str, _Given]] = []
    for name, value in sorted(mapping.items(), key=lambda item: item[0]):
        match value:
            case str() | int() | float() | bool() | timedelta() | EnvPath() | Nested():
                found.append((name, value))
                continue
            case _:
                pass
        try:
            found.append((name, Nested(msgspec.json.encode(value))))
        except TypeError as error:
            raise ConfigError(
                f"option {name} is a {type(value).__name__}",
                where=where,
                fix="give text, numbers, and dicts or lists of them; or pass an opened fsspec "
                "filesystem with filesystem=",
            ) from error
    return tuple(found)


def _plain(value: _Given) -> object:
    if isinstance(value, Nested):
        return msgspec.json.decode(value.text)
    return resolve(value) if isinstance(value, EnvPath) else value


def _text(name: str, value: OptionValue, where: str) -> str | EnvPath:
    if isinstance(value, EnvPath):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return _milliseconds(value)
    if not isinstance(value, str | int | float):
        raise ConfigError(
            f"option {name} is a {type(value).__name__}",
            where=where,
            fix="give a string, a number, True or False, or ls.env(NAME)",
        )
    text = str(value)
    if name in names.CLIENT_FLAGS and text.lower() not in _TRUE | _FALSE:
        raise ConfigError(f"option {name} is neither true nor false", where=where, fix="say true")
    if name in _DURATIONS:
        return _milliseconds(_duration(name, value, where))
    if name in {"max_retries", "base"} and not text.replace(".", "", 1).isdecimal():
        raise ConfigError(f"option {name} is no number", where=where, fix="give a number")
    if name.removeprefix("aws_") == "conditional_put" and text.lower() != "etag":
        raise ConfigError(
            f"option {name} gives up atomic commits", where=where, fix='leave it out, or "etag"'
        )
    return text.lower() if name in names.CLIENT_FLAGS else text


def _check_url(name: str | None, text: str, where: str) -> None:
    if name in _URLS and not text.lower().startswith(("http://", "https://")):
        raise ConfigError(
            f"option {name} is no URL",
            where=where,
            fix='begin it with "https://", or with "http://" and allow_http beside it',
        )


def _duration(name: str, value: str | float, where: str) -> timedelta:
    try:
        seconds: str | float = float(value)
    except ValueError:
        seconds = value
    try:
        return parse_duration(seconds, option=name)
    except ConfigError:
        # Not told what it is: a secret may have been pasted to the wrong name.
        raise ConfigError(
            f"the value of {name} is no duration", where=where, fix='write it as "30 seconds"'
        ) from None


def _milliseconds(duration: timedelta) -> str:
    return f"{duration // timedelta(milliseconds=1)}ms"


def _retry_config(shared: Mapping[str, str]) -> dict[str, object]:
    backoff: dict[str, object] = {}
    for name in ("init_backoff", "max_backoff"):
        if name in shared:
            backoff[name] = parse_duration(shared[name], option=name)
    if "base" in shared:
        backoff["base"] = float(shared["base"])
    found: dict[str, object] = {"retry_timeout": _RETRY_TIMEOUT}
    if "retry_timeout" in shared:
        found["retry_timeout"] = parse_duration(shared["retry_timeout"], option="retry_timeout")
    if "max_retries" in shared:
        found["max_retries"] = int(float(shared["max_retries"]))
    return found | ({"backoff": backoff} if backoff else {})
