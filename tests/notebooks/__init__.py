"""The gallery, run by papermill; what its files hold afterwards is searched."""
