"""TypeScript with JSX: the same, in a grammar of its own."""

from slipstream.tasks.indexing.languages import typescript
from slipstream.tasks.indexing.languages.javascript import JSX

DESCRIPTION = typescript.DESCRIPTION._replace(
    grammar="language_tsx", references=typescript.DESCRIPTION.references + JSX
)
