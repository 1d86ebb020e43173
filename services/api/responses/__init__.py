"""The shapes of answers, for the published description; answers themselves are not validated again."""
