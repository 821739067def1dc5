"""What OpenCV's DIS finds between the two frames beside this file: every 8th pixel, as lines `x y u v`.
pip install opencv-python-headless numpy; python opencv.py > opencv.txt
The frames are from Big Buck Bunny, (c) 2008 Blender Foundation, CC BY 3.0."""
import cv2
import pathlib

here = pathlib.Path(__file__).parent
first, second = (cv2.imread(str(here / name), cv2.IMREAD_GRAYSCALE) for name in ("f1.png", "f2.png"))
flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, None)
for y in range(8, first.shape[0] - 8, 8):
    for x in range(8, first.shape[1] - 8, 8):
        u, v = flow[y, x]
        print(x, y, f"{u:.2f} {v:.2f}")
