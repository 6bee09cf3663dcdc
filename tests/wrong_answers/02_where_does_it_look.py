"""Typical wrong answers to the exercises of chapter 2, and what is said to each."""

WRONG_ANSWERS = {
    "weigh-maps": [
        (
            "asks all pictures for the first one's class",
            """def weigh_maps(features, weights, asked):
    return features @ weights[:, asked[0]]""",
            "the class of the first one",
        ),
        (
            "cuts at zero",
            """def weigh_maps(features, weights, asked):
    maps = np.einsum("nhwc,cn->nhw", features, weights[:, asked])
    return np.maximum(maps, 0)""",
            "Leave out the ReLU",
        ),
        (
            "takes the mean over the channels",
            """def weigh_maps(features, weights, asked):
    return np.mean(features * weights[:, asked].T[:, None, None], axis=-1)""",
            "but for a factor",
        ),
    ],
    "coldest-place": [
        ("on the thing itself", 'coldest_place = "a"', "You predicted a)"),
        ("in the background", 'coldest_place = "c"', "You predicted c)"),
        ("no letter of these", 'coldest_place = "second"', "must be one of"),
    ],
    "point": [
        (
            "one maximum for the whole stack",
            """def point(heatmaps, masks):
    return ((heatmaps == heatmaps.max()) & masks).any(axis=(1, 2))""",
            "in each map alone",
        ),
        (
            "takes the strongest, hot or cold",
            """def point(heatmaps, masks):
    flat = np.abs(heatmaps).reshape(len(heatmaps), -1)
    return masks.reshape(len(masks), -1)[np.arange(len(flat)), flat.argmax(axis=1)]""",
            "do not take `abs`",
        ),
        (
            "lets an empty map hit",
            """def point(heatmaps, masks):
    flat = heatmaps.reshape(len(heatmaps), -1)
    return masks.reshape(len(masks), -1)[np.arange(len(flat)), flat.argmax(axis=1)]""",
            "points nowhere",
        ),
    ],
    "box-heat": [
        (
            "swaps rows and columns",
            """def box_heat(heatmap, share):
    left, top = np.argwhere(heatmap >= share * heatmap.max()).min(axis=0)
    right, bottom = np.argwhere(heatmap >= share * heatmap.max()).max(axis=0)
    return left, top, right - left + 1, bottom - top + 1""",
            "have changed places",
        ),
        (
            "forgets the last pixel",
            """def box_heat(heatmap, share):
    rows, columns = np.nonzero(heatmap >= share * heatmap.max())
    return columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)""",
            "one pixel too narrow",
        ),
        (
            "takes the share for the heat",
            """def box_heat(heatmap, share):
    rows, columns = np.nonzero(heatmap >= share)
    left, top = min(columns, default=0), min(rows, default=0)
    right, bottom = max(columns, default=0), max(rows, default=0)
    return left, top, right - left + 1, bottom - top + 1""",
            "the map's own maximum",
        ),
    ],
    "keep-hottest": [
        (
            "takes the share for heat",
            """def keep_hottest(image, heatmap, share):
    is_hot = heatmap > (1 - share) * heatmap.max()
    return np.where(is_hot[..., None], image, image.mean(axis=(0, 1)))""",
            "use a quantile",
        ),
        (
            "paints the rest grey",
            """def keep_hottest(image, heatmap, share):
    is_hot = heatmap > np.quantile(heatmap, 1 - share)
    return np.where(is_hot[..., None], image, image.mean())""",
            "one mean for each channel",
        ),
        (
            "paints into the picture itself",
            """def keep_hottest(image, heatmap, share):
    image[heatmap <= np.quantile(heatmap, 1 - share)] = image.mean(axis=(0, 1))
    return image""",
            "changed the array",
        ),
    ],
}
