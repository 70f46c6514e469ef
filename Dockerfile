# The command `hwr` in a container, for a rented machine (book/cloud.md).
# Everything it installs is checked by hash: uv against tools/uv.txt, all else against uv.lock.
FROM python:3.12-slim
WORKDIR /book
COPY tools/uv.txt pyproject.toml uv.lock ./
RUN pip install --no-cache-dir --require-hashes -r uv.txt
RUN uv sync --frozen --no-cache --no-default-groups --no-install-project
COPY hwr_utils ./hwr_utils
ENV PATH=/book/.venv/bin:$PATH PYTHONPATH=/book TF_CPP_MIN_LOG_LEVEL=3
ENTRYPOINT ["python", "-m", "hwr_utils"]
