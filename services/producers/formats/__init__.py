"""Partners' file formats, one module or package each: bytes in, event drafts or refusals out."""
