"""The options of the published long command lines: what became of each. From public instructions and issue threads."""

from __future__ import annotations

PLACES = {
    "outdir": "output folder",
    "cfg": "data set",
    "data": "data folder",
    "gpus": "GPUs",
    "batch": "pictures behind each step",
    "batch-gpu": "pictures at once on each GPU",
    "neural_rendering_resolution_initial": "side of the pictures",
    "workers": "processes that read pictures",
    "resume": "weights",
    "kimg": "length",
    "glr": "learning rate",
    "seed": "seed",
    "test_flag": "evaluation in place of training",
    "fp32": "arithmetic",
}
"""Options that become a value of the profile or of a command."""

ONE_MODEL = "the model always has it: there is one model here, the published one"
NO_GAN = "it belongs to adversarial training, and the published loss (MSE, coverage, SSIM, LPIPS) has no such term"
NO_CAMERA = "it belongs to conditioning on the camera, which SHERF's generator does not have"
IGNORED = {
    "use_1d_feature": ONE_MODEL,
    "use_2d_feature": ONE_MODEL,
    "use_3d_feature": ONE_MODEL,
    "use_trans": ONE_MODEL,
    "use_NeRF_decoder": ONE_MODEL,
    "use_nerf_decoder": ONE_MODEL,
    "gamma": NO_GAN,
    "gpc_reg_prob": NO_CAMERA,
    "gpc_reg_fade_kimg": NO_CAMERA,
    "gen_pose_cond": NO_CAMERA,
    "aug": NO_GAN,
    "mirror": "pictures of people with fitted bodies are not mirrored",
    "metrics": "`sherfctl run eval` measures PSNR, SSIM and LPIPS; FID and its like do not apply to one person",
    "neural_rendering_resolution_final": "pictures keep one size here",
    "neural_rendering_resolution_fade_kimg": "pictures keep one size here",
    "tick": "a profile says how to run, not what is logged",
    "snap": "a profile says how to run, not when weights are stored",
    "desc": "a run's folder is named after what it does",
    "nobench": "nothing is tuned at run time here",
    "sample_obs_view": "which picture is observed belongs to the data set's split",
    "fix_obs_view": "which picture is observed belongs to the data set's split",
    "dlr": NO_GAN,
}
"""Options that have no part in a profile, and why."""

DATASETS = {
    "renderpeople": "RenderPeople",
    "thuman": "THuman",
    "humman": "HuMMan",
    "zjumocap": "ZJU-MoCap",
    "zju": "ZJU-MoCap",
}
"""Published names of data sets, in small letters and without signs."""
