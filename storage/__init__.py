"""What is kept: tables, migrations, stores. Imports nothing else of ours."""
