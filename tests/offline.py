"""Keep the network out of every test, and of every kernel that a test starts.

pytest-socket guards this process; kernels and scripts inherit these variables, which
send whatever they would fetch to a port where nobody answers.
"""

import os

for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[variable] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
os.environ["COURSE_WIDGETS"] = "off"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
