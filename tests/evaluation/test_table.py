from napari_microdiffusion.evaluation import comparison_table

ROWS = [
    ("linear", {"psnr": 30.126, "null_space_r2": 0.25, "axial_centroid_error_median": 0.6, "slices": 96}),
    ("ours", {"psnr": 32.1, "null_space_r2": None, "axial_centroid_error_median": 0.5, "per_slice": {}}),
]


def test_rows_are_aligned_and_the_best_are_starred():
    assert comparison_table(ROWS).splitlines() == [
        "        PSNR (dB)   depth recovered   z error",
        "----------------------------------------------",
        "linear      30.13             0.250*     0.60",
        "ours        32.10*                -      0.50*",
    ]


def test_one_row_needs_no_star():
    assert "*" not in comparison_table(ROWS[:1])


def test_columns_can_be_chosen():
    assert comparison_table(ROWS, ["psnr"]).splitlines()[0].split() == ["PSNR", "(dB)"]


def test_what_reads_the_same_is_starred_alike():
    table = comparison_table([("a", {"psnr": 30.001}), ("b", {"psnr": 30.002})])
    assert table.count("*") == 2


def test_reprojection_earns_no_star():
    rows = [("a", {"reprojection_max": 0.5}), ("b", {"reprojection_max": 1e-8})]
    assert "*" not in comparison_table(rows)
