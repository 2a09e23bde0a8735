"""A TinyDB table of one kind of value under natural ids.

TinyDB's own verbs read and rebuild a whole table for every change. Here a change touches the
documents that it names, an equality that has an index asks the index, and what a caller gets is a
copy, so that memory never holds what was not written.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from copy import deepcopy
from typing import Any, Generic, NamedTuple, TypeVar

from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from adapters.storage.documents import decode, encode
from adapters.storage.patches import Json

T = TypeVar("T")


class Index(NamedTuple):
    """Documents by the value of a field, or by a part of it."""

    path: tuple[str, ...]
    part: Callable[[str], str] | None = None

    def value(self, document: Json) -> Any:
        """Return what a document is found by, or ``None`` if it lacks the field."""
        found: Any = document
        for name in self.path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict | list):
            return None
        return self.part(found) if self.part and isinstance(found, str) else found


class Documents(Storage):
    """A TinyDB storage that can tell one document from another."""

    @abstractmethod
    def index(self, table: str, indexes: Iterable[Index]) -> None:
        """Keep those indexes of a table from now on."""

    @abstractmethod
    def document(self, table: str, key: str) -> Json | None:
        """Return one document; nobody changes it."""

    @abstractmethod
    def documents(self, table: str) -> Mapping[str, Json]:
        """Return all documents of a table; nobody changes them."""

    @abstractmethod
    def matching(self, table: str, index: Index, value: Any) -> Sequence[str]:
        """Return the ids of the documents of that value."""

    @abstractmethod
    def values(self, table: str, index: Index) -> Sequence[Any]:
        """Return every value that an index finds something by."""

    @abstractmethod
    def change(self, table: str, documents: Mapping[str, Json | None]) -> None:
        """Replace documents, or remove those that become ``None``."""

    @abstractmethod
    def patch(self, table: str, key: str, patch: Json) -> None:
        """Change a document by a merge patch."""


class Copied(Document):
    """A document that a caller may change without changing what is kept."""

    def __init__(self, value: Mapping[str, Any], doc_id: Any) -> None:
        super().__init__(deepcopy(dict(value)), doc_id)


class Touched(MutableMapping[str, Any]):
    """A table as an updater of TinyDB sees it; it notes what is looked at, for that may change."""

    def __init__(self, kept: Mapping[str, Json]) -> None:
        self._kept = kept
        self.touched: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self.touched:
            self.touched[key] = deepcopy(self._kept[key])
        if self.touched[key] is None:
            raise KeyError(key)
        return self.touched[key]

    def __setitem__(self, key: str, document: Any) -> None:
        self.touched[key] = dict(document)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.touched[key] = None

    def __contains__(self, key: object) -> bool:
        if key in self.touched:
            return self.touched[str(key)] is not None
        return key in self._kept

    def __iter__(self) -> Iterator[str]:
        new = (key for key in self.touched if key not in self._kept)
        return iter([key for key in (*self._kept, *new) if key in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class KeyedTable(Table, Generic[T]):
    """One kind of value, each under its own id."""

    document_class = Copied
    document_id_class = str  # type: ignore[assignment]  # declared as int, documented as free

    def __init__(
        self, storage: Documents, name: str, kind: type[T], indexes: Iterable[Index] = ()
    ) -> None:
        super().__init__(storage, name, cache_size=0)  # an index answers as fast, and never late
        self.kept = storage
        self.kind = kind
        self._indexes = {each.path: each for each in indexes if each.part is None}
        storage.index(name, indexes)

    def find(self, key: object) -> T | None:
        """Return the value of an id, if there is one."""
        document = self.kept.document(self.name, str(key))
        return None if document is None else decode(self.kind, document)

    def raw(self, key: object) -> Json | None:
        """Return the document of an id, if there is one; nobody changes it."""
        return self.kept.document(self.name, str(key))

    def select(self, ids: Iterable[str] | None = None) -> Iterator[T]:
        """Return the values of ids, or all."""
        keys = self.kept.documents(self.name) if ids is None else ids
        return (found for key in keys if (found := self.find(key)) is not None)

    def by(self, index: Index, value: object) -> Sequence[str]:
        """Return the ids of the documents of that value."""
        return self.kept.matching(self.name, index, value)

    def values(self, index: Index) -> Sequence[Any]:
        """Return every value that an index finds something by."""
        return self.kept.values(self.name, index)

    def check(self) -> None:
        """Read every document once.

        Raises:
            ValueError: naming the first that cannot be read.
        """
        for key, document in self.kept.documents(self.name).items():
            try:
                decode(self.kind, document)
            except ValueError as error:
                raise ValueError(f"{self.name} {key!r}: {error}") from error

    def put(self, values: Mapping[str, T]) -> None:
        """Add or replace values; what is there already is not written again."""
        encoded = {key: encode(value) for key, value in values.items()}
        self.kept.change(
            self.name,
            {key: each for key, each in encoded.items() if each != self.raw(key)},
        )

    def patch(self, key: str, patch: Json) -> None:
        """Change a document by a merge patch."""
        self.kept.patch(self.name, key, patch)

    def drop(self, key: str) -> bool:
        """Remove a value; tell whether it was there."""
        if self.raw(key) is None:
            return False
        self.kept.change(self.name, {key: None})
        return True

    def search(self, cond: QueryLike) -> list[Document]:
        """See TinyDB; an equality that has an index does not look at the other documents."""
        ids = self._planned(getattr(cond, "_hash", None))
        if ids is None:
            return super().search(cond)
        found = ((key, self.raw(key)) for key in ids)
        return [self.document_class(each, key) for key, each in found if each and cond(each)]

    def _planned(self, query: Any) -> Sequence[str] | None:
        """Return the ids to look at, if a query's private description names an index."""
        match query:
            case ("==", tuple(path), str() | int() as value) if path in self._indexes:
                return self.by(self._indexes[path], value)
            case ("and", frozenset() as terms):
                planned = [ids for term in terms if (ids := self._planned(term)) is not None]
                return min(planned, key=len, default=None)
        return None

    def _read_table(self) -> Mapping[str, Json]:  # type: ignore[override]  # ids are text
        return self.kept.documents(self.name)

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        view = Touched(self.kept.documents(self.name))
        updater(view)
        before = self.kept.documents(self.name)
        self.kept.change(
            self.name,
            {key: each for key, each in view.touched.items() if each != before.get(key)},
        )
