# Every target first sets up what it needs. `make help` prints the lines marked ##:
# the target, what it does, and the plain command behind it, for those without make.

PYTHON ?= python3
REPO ?=
ifeq ($(OS),Windows_NT)
  VENV_PYTHON := .venv/Scripts/python
else
  VENV_PYTHON := .venv/bin/python
endif

.DEFAULT_GOAL := help
.PHONY: help set_up run test check lab site slides student assignments real bench data
.PHONY: leaderboard outputs measure colab clean

## run: execute every notebook and write build/notebooks/*.html and build/report.md
##   python -m helpers.run_notebooks
run: set_up
	$(VENV_PYTHON) -m helpers.run_notebooks

## test: run all tests, notebooks included (without npm, those of the site's scripts skip)
##   python -m helpers.node_packages
##   python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
test: set_up
	-$(VENV_PYTHON) -m helpers.node_packages
	$(VENV_PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

## check: run the fast tests, for every edit
##   python -m ruff check
##   python -m ruff format --check
##   python -m mypy
##   python -m pytest tests -m "not slow and not real"
check: set_up
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m mypy
	$(VENV_PYTHON) -m pytest tests -m "not slow and not real"

## lab: open the course in JupyterLab
##   python -m jupyter lab notebooks/00_start_here.ipynb
lab: set_up
	$(VENV_PYTHON) -m jupyter lab notebooks/00_start_here.ipynb

## site: build the course as a site, in build/site, with the slides and a page to draw on
##   python -m helpers.build_site
site: set_up
	$(VENV_PYTHON) -m helpers.build_site

## slides: build the slides alone, in build/slides
##   python -m helpers.make_slides
slides: set_up
	$(VENV_PYTHON) -m helpers.make_slides

## student: derive the students' exercises from notebooks/solutions
##   python -m helpers.student
student: set_up
	$(VENV_PYTHON) -m helpers.student

## assignments: hand out the exercises with nbgrader, in build/assignments
##   python -m helpers.assignments
assignments: set_up
	$(VENV_PYTHON) -m helpers.assignments

## real: execute and test the real edition (first set COURSE_EDITION=real)
##   python -m helpers.run_notebooks --jobs 2
##   python -m pytest -m real tests
real: set_up
	COURSE_EDITION=real $(VENV_PYTHON) -m helpers.run_notebooks --jobs 2
	COURSE_EDITION=real $(VENV_PYTHON) -m pytest -m real tests

## bench: measure seconds and memory
##   python tests/benchmarks/bench_digits.py
##   python tests/benchmarks/bench_attribution.py
##   python tests/benchmarks/bench_harvest.py
##   python tests/benchmarks/bench_features.py
bench: set_up
	$(VENV_PYTHON) tests/benchmarks/bench_digits.py
	$(VENV_PYTHON) tests/benchmarks/bench_attribution.py
	$(VENV_PYTHON) tests/benchmarks/bench_harvest.py
	$(VENV_PYTHON) tests/benchmarks/bench_features.py

## data: make again what ships in data/: pictures, networks, their hashes
##   python data_scripts/render_objects.py
##   python data_scripts/render_films.py
##   python data_scripts/index_films.py
##   python data_scripts/render_portraits.py
##   python data_scripts/render_hotel.py
##   python data_scripts/train_networks.py
##   python data_scripts/draw_features.py
##   python data_scripts/draw_front_page.py
##   python data_scripts/hash_data.py
data: set_up
	$(VENV_PYTHON) data_scripts/render_objects.py
	$(VENV_PYTHON) data_scripts/render_films.py
	$(VENV_PYTHON) data_scripts/index_films.py
	$(VENV_PYTHON) data_scripts/render_portraits.py
	$(VENV_PYTHON) data_scripts/render_hotel.py
	$(VENV_PYTHON) data_scripts/train_networks.py
	$(VENV_PYTHON) data_scripts/draw_features.py
	$(VENV_PYTHON) data_scripts/draw_front_page.py
	$(VENV_PYTHON) data_scripts/hash_data.py

## leaderboard: grade all methods again; write the table, a figure and a page
##   python data_scripts/retrain.py
##   python data_scripts/grade_methods.py
##   python data_scripts/draw_leaderboard.py
##   python data_scripts/hash_data.py
leaderboard: set_up
	$(VENV_PYTHON) data_scripts/retrain.py
	$(VENV_PYTHON) data_scripts/grade_methods.py
	$(VENV_PYTHON) data_scripts/draw_leaderboard.py
	$(VENV_PYTHON) data_scripts/hash_data.py

## outputs: execute chapters and solutions and save their outputs in place
##   python -m helpers.run_notebooks --save
##   python -m helpers.run_notebooks --save --output build/solutions notebooks/solutions
##   python -m helpers.student
outputs: set_up
	$(VENV_PYTHON) -m helpers.run_notebooks --save
	$(VENV_PYTHON) -m helpers.run_notebooks --save --output build/solutions notebooks/solutions
	$(VENV_PYTHON) -m helpers.student

## measure: measure minutes and memory in a fresh clone, and write README's table
##   python -m helpers.measure
measure: set_up
	$(VENV_PYTHON) -m helpers.measure

## colab: refresh badges and set-up cells; with REPO=owner/name, for a new address
##   python -m helpers.colab owner/name
colab: set_up
	$(VENV_PYTHON) -m helpers.colab $(REPO)

## clean: delete the environment and all that was built
##   (delete the folders .venv and build)
clean:
	rm -rf .venv build

set_up:
	@$(PYTHON) -m helpers.set_up

help:
	@echo 'make TARGET, or set up once with `$(PYTHON) -m helpers.set_up` and type the'
	@echo 'commands below with $(VENV_PYTHON) for python (Windows: .venv\Scripts\python).'
	@awk '/^## / { line = substr($$0, 4); if (line !~ /^ /) print ""; print "  " line }' Makefile
