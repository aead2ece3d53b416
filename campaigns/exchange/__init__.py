"""A campaign in the forms that other software reads: electronic notebooks, NOMAD, data packages, model cards."""
