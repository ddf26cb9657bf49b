"""Who asks Pub/Sub: what the files' options say, else Google's usual chain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lakestream.errors import ConfigError

_SCOPES: Final = ("https://www.googleapis.com/auth/pubsub",)


def credentials_of(options: Mapping[str, str]) -> Any:  # noqa: ANN401 - any of google-auth's
    """Give google-auth's credentials for options under their canonical names.

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
        return auth.default(scopes=_SCOPES)[0]
    try:
        key = json.loads(text if text is not None else Path(str(file)).read_bytes())
        if key.get("type") == "authorized_user":
            return given.from_authorized_user_info(key, scopes=_SCOPES)
        return account.from_service_account_info(key, scopes=_SCOPES)
    except (ValueError, OSError, AttributeError, GoogleAuthError):  # its text may show the key
        raise ConfigError(
            "the Google key cannot be read",
            where="storage_options",
            fix="give a service account's key, as JSON or the path of its file; for other logins "
            "set GOOGLE_APPLICATION_CREDENTIALS",
        ) from None
