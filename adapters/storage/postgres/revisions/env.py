"""What Alembic runs: the revisions, in the transaction of who asks for them."""

from alembic import context

from adapters.storage.postgres._upgrade import OPTIONS

context.configure(connection=context.config.attributes["connection"], **OPTIONS)
context.run_migrations()
