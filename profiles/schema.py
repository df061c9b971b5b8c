"""What a profile file may say. Each field's description is its documentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Needs(BaseModel):
    """What the machine should have; what is missing is said, and something near is used instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu: Annotated[str, Field(description="A word in the GPU's name, such as T4; empty for any GPU.")] = ""
    vram_gib: Annotated[float, Field(ge=0, description="Free GPU memory for the profile's chunk size.")] = 0.0
    ram_gib: Annotated[float, Field(ge=0, description="Available main memory.")] = 0.0


class Profile(BaseModel):
    """How to run on a kind of machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Its name on the command line.")]
    summary: Annotated[str, Field(min_length=1, description="One line: the machine it is for.")]
    device: Annotated[Literal["cpu", "cuda"], Field(description="Where the model runs.")]
    precision: Annotated[
        Literal["float32", "tf32"],
        Field(description="Arithmetic of matrix products; the published figures are float32."),
    ] = "float32"
    points_per_chunk: Annotated[
        int,
        Field(ge=1024, le=2**24, description="Points sent through the model at once; bounds memory, not the result."),
    ]
    resolution: Annotated[
        int, Field(ge=64, le=2048, description="Side of the pictures in pixels, unless asked otherwise.")
    ]
    needs: Needs = Needs()

    @model_validator(mode="after")
    def _combinations(self) -> Profile:
        """Refuse what cannot be together."""
        if self.device == "cpu" and self.precision == "tf32":
            raise ValueError("precision: tf32 exists on GPUs only; use float32 with device: cpu")
        if self.device == "cpu" and (self.needs.gpu or self.needs.vram_gib):
            raise ValueError("needs: a profile with device: cpu cannot need a GPU")
        return self
