from portal_clamd.clamd import Clamd
from portal_clamd.scanner import NoScanner, Scanner, scanner_of_environment
from portal_clamd.settings import ScannerSettings

__all__ = ["Clamd", "NoScanner", "Scanner", "ScannerSettings", "scanner_of_environment"]
