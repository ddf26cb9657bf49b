"""What every test folder shares: plugins, and fixtures that many need."""

pytest_plugins = ["support.required_legs"]
