"""What a source gives: a frame and the files that it was made of."""

from dataclasses import dataclass

import pandas as pd

from pipeline.report.model import InputFile


@dataclass(frozen=True, slots=True)
class Loaded:
    frame: pd.DataFrame
    inputs: tuple[InputFile, ...] = ()
