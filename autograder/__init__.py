"""Builds the projects' release, runs the visible and the hidden tests, and grades through nbgrader."""

import sys
import warnings

# jsonschema, which nbformat imports, would compile a grammar for internationalised URIs that no notebook needs (1 s).
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
# nbgrader 0.9 under SQLAlchemy 2: harmless, and three of them a submission.
warnings.filterwarnings("ignore", message="Object of type <Submitted")
