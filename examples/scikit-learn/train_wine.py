#!/usr/bin/env python3
"""Trains a classifier the way a notebook does, and saves it: wine.joblib, and a few rows to ask it about.

    pip install scikit-learn pandas && python train_wine.py

Made with scikit-learn 1.9.1. Data: "Wine recognition" (Aeberhard and Forina, UCI Machine Learning Repository, CC BY
4.0), which scikit-learn brings along.
"""

from pathlib import Path

import joblib
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

here = Path(__file__).parent
wine = load_wine(as_frame=True)
cultivar = wine.target.map({0: "barolo", 1: "grignolino", 2: "barbera"}).astype(object)
train, test, train_labels, test_labels = train_test_split(wine.data, cultivar, random_state=0)

model = make_pipeline(StandardScaler(), LogisticRegression(random_state=0))
model.fit(train, train_labels)
print(f"accuracy on {len(test)} held-out wines: {model.score(test, test_labels):.3f}")

joblib.dump(model, here / "wine.joblib")
test.to_csv(here / "wine.csv", index=False)
