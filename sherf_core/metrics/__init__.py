"""PSNR, SSIM and LPIPS, each as the paper measured it and in its usual form."""
