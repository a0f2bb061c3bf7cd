"""What runs are given: the data root, the store, the parameters."""

import dagster as dg
from pydantic import Field

from dispatch_assets.defs import environment
from dispatch_assets.errors import ParameterError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.params import DispatchParams
from dispatch_assets.shards import Shards


class DataRoot(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder of session folders."""

    path: str = Field(default="", description="Path of the data root.")

    def folder(self) -> str:
        """Return the path.

        Raises
        ------
        ParameterError
            If nobody has said where the data are.
        """
        if not self.path:
            remedy = f"Set {environment.DATA} to the folder that holds your sessions, then reload"
            raise ParameterError("is not set", environment.DATA, remedy)
        return self.path


class Store(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where inventories and jobs are kept."""

    base: str = Field(description="Folder or fsspec URL (s3://bucket/prefix) of the store.")

    def shards(self) -> Shards:
        """Return the inventories of all sessions."""
        return Shards(self.base)

    def jobs(self) -> JobFiles:
        """Return the job files."""
        return JobFiles(self.base)


class DispatchParamsResource(DispatchParams, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The parameters that decide which jobs exist; the same for inventory and jobs."""

    def plain(self) -> DispatchParams:
        """Return them as the core takes them."""
        return DispatchParams.model_validate(
            self.model_dump(include=set(DispatchParams.model_fields))
        )


class WrongParamsResource(DispatchParamsResource):
    """Stands in for parameters that make no sense: whoever asks for them is told why."""

    why: str = Field(description="What is wrong with the parameters.")

    def plain(self) -> DispatchParams:
        """Refuse.

        Raises
        ------
        ParameterError
            Always.
        """
        raise ParameterError(self.why, remedy="Mend it, then reload the code location")
