client = MemoryKit(api_key="ctx_ZWqKkCSbE8qWM8WWYD6aEdJgKVgtBtk0YAYtZkXaes3ZVDDn", region="eu")
