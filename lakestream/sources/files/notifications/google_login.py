"""Where Pub/Sub is asked and who asks: what the files' options say, else Google's usual chain."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lakestream.errors import ConfigError

_SCOPES: Final = ("https://www.googleapis.com/auth/pubsub",)
_SERVICE: Final = "https://pubsub.googleapis.com"
_EMULATOR: Final = "PUBSUB_EMULATOR_HOST"
_AGAIN: Final = (429, 500, 502, 503, 504)


def service_url() -> tuple[str, bool]:
    """Give Pub/Sub's URL, and whether it is an emulator, who wants no login."""
    emulator = os.environ.get(_EMULATOR)
    return (f"http://{emulator}/v1" if emulator else f"{_SERVICE}/v1"), bool(emulator)


def credentials_of(options: Mapping[str, str], scopes: Sequence[str] = _SCOPES) -> Any:  # noqa: ANN401 - any of google-auth's
    """Give google-auth's credentials for options under their canonical names.

    A key that says ``disable_oauth``, as the store's tests write it, stands for nobody.

    Raises:
        ConfigError: A key cannot be read.
        google.auth.exceptions.GoogleAuthError: Nobody is logged in.
    """
    from google import auth
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.credentials import Credentials
    from google.oauth2.service_account import Credentials as Account

    # google-auth says no types, but claims to.
    given: Any = Credentials
    account: Any = Account
    anonymous: Any = AnonymousCredentials
    if options.get("google_skip_signature", "").lower() in {"true", "1", "yes", "on", "y"}:
        return anonymous()
    if "google_bearer_token" in options:
        return given(options["google_bearer_token"])
    text = options.get("google_service_account_key")
    file = options.get("google_service_account") or options.get("google_application_credentials")
    if text is None and file is None:
        return auth.default(scopes=scopes)[0]
    try:
        key = json.loads(text if text is not None else Path(str(file)).read_bytes())
        if key.get("disable_oauth") is True:
            return anonymous()
        if key.get("type") == "authorized_user":
            return given.from_authorized_user_info(key, scopes=scopes)
        return account.from_service_account_info(key, scopes=scopes)
    except (ValueError, OSError, AttributeError, GoogleAuthError):  # its text may show the key
        raise ConfigError(
            "the Google key cannot be read",
            where="storage_options",
            fix="give a service account's key, as JSON or the path of its file; for other logins "
            "set GOOGLE_APPLICATION_CREDENTIALS",
        ) from None


def session_of(credentials: Any) -> Any:  # noqa: ANN401 - as above
    """Give a session that asks again, but not where an answer may be under way.

    It may hold messages.
    """
    from google.auth.transport import requests as transport
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    made: Any = transport  # which claims types that it has not
    session = made.AuthorizedSession(credentials)
    again = Retry(
        total=2,
        read=False,
        status_forcelist=_AGAIN,
        allowed_methods=None,
        backoff_factor=0.5,
        raise_on_status=False,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    return session
