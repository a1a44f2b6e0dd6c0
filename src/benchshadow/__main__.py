"""`python -m benchshadow` is the command line."""

from benchshadow.cli import main

if __name__ == "__main__":
    main()
