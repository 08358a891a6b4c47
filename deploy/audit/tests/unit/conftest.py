import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # no member of the workspace: the audit reads it from outside
